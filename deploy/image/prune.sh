#!/bin/sh
# Leaves in the tree only what this platform runs: one build of each native package, no tests, no
# type declarations of our own. Run in the tree's root after `npm prune --omit=dev`.
set -eu

platform=$(node -p process.platform)
arch=$(node -p process.arch)
abi=$(node -p process.versions.modules)

onnx=node_modules/onnxruntime-node/bin
kept=$(find "$onnx" -path "*/$platform/$arch/onnxruntime_binding.node" | wc -l)
if [ "$kept" -ne 1 ]; then
  echo "prune.sh: expected one onnxruntime-node build for $platform/$arch, found $kept" >&2
  exit 1
fi
find "$onnx" -mindepth 3 -maxdepth 3 -type d ! -path "*/$platform/$arch" -exec rm -rf {} +
find "$onnx" -type d -empty -delete

# Both come as one package a platform; npm takes those for musl along.
for build in "@duckdb/node-bindings-$platform-$arch" "@libsql/$platform-$arch-gnu"; do
  if [ ! -d "node_modules/$build" ]; then
    echo "prune.sh: expected node_modules/$build, found none" >&2
    exit 1
  fi
done
find node_modules/@duckdb -mindepth 1 -maxdepth 1 -name 'node-bindings-*' \
  ! -name "node-bindings-$platform-$arch" -exec rm -rf {} +
find node_modules/@libsql -mindepth 1 -maxdepth 1 -name "$platform-*" \
  ! -name "$platform-$arch-gnu" -exec rm -rf {} +

uws=node_modules/uWebSockets.js
if [ -d "$uws" ]; then
  find "$uws" -name 'uws_*.node' ! -name "uws_${platform}_${arch}_${abi}.node" -delete
  rm -rf "$uws/src" "$uws/docs" "$uws/examples" "$uws/tests" "$uws/misc" "$uws/mvp"
fi

# Objects that the addon was linked from.
rm -rf dist/native/build
find dist \( -name '*.test.js' -o -name '*.test.js.map' -o -name '*.d.ts' -o -name .tsbuildinfo \) -delete
find dist -type d -name testing -prune -exec rm -rf {} +
