// The arrows of the architecture. server/testing/architecture.test.ts runs this and asserts that it read
// the whole tree. When an arrow must widen, widen it here in the same commit and say why.
const ban = (name, from, to, except) => ({
  name,
  severity: "error",
  from: { path: from, pathNot: "(\\.test\\.ts$|/testing/)" },
  to: { path: to, ...(except && { pathNot: except }) },
});
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    ban("protocols-import-nobody", "^protocols/", "^(server|native|pipelines|bench)/"),
    ban("native-imports-nobody", "^native/", "^(server|protocols|pipelines|bench)/"),
    ban(
      "codecs-share-core-only",
      "^protocols/(oip-rest|oip-grpc|repository|admin)/",
      "^protocols/",
      ["^protocols/core/", "^protocols/$1/"],
    ),
    ban(
      "stream-speaks-oip-rest",
      "^protocols/stream/",
      "^protocols/(client|oip-grpc|repository|admin)/",
    ),
    ban("core-is-the-bottom", "^protocols/core/", "^protocols/", ["^protocols/core/"]),
    ban("lib-knows-no-domain", "^server/lib/", "^(server|protocols|native)/", ["^server/lib/"]),
    ban("models-is-the-core", "^server/models/", "^server/", ["^server/(models|lib)/"]),
    ban("plugins-see-interfaces", "^server/(sources|engine)/", "^server/models/", [
      // version-policy: what a repository says of a model's versions is part of a reading.
      "^server/models/(source|loader|servable|version-policy)\\.ts$",
    ]),
    ban("plugins-stay-apart", "^server/(sources|engine)/", "^server/", [
      "^server/($1|models|lib)/",
    ]),
    ban("request-is-below-transport", "^server/request/", "^server/", [
      "^server/(request|models|access|lib)/",
    ]),
    ban("request-sees-leases", "^server/request/", "^server/models/", [
      "^server/models/(lease|serving-map|servable|lifecycle)\\.ts$",
    ]),
    ban(
      "transport-reaches-models-through-request",
      "^server/transport/",
      "^server/(models|sources|engine|threads|config)/",
    ),
    ban("access-knows-no-transport", "^server/access/", "^server/", ["^server/(access|lib)/"]),
    // server/lib has no domain words: sharing a logger is not speaking to the server. Nor is the
    // addon, which a benchmark runs bare as the limit of what a server can do.
    ban("sidecars-speak-the-wire", "^(pipelines|bench)/", "^(server|native)/", [
      "^server/lib/",
      "^native/(addon|load-addon|build-load-generator)\\.ts$",
    ]),
    // The load generator is the bench's own tool, which has no other way to its sources.
    ban("load-is-made-by-bench", "^(server|protocols|pipelines)/", "^native/build-load-generator"),
    // main.ts is the process edge: it hands `publish`, `bench`, `tune` and their like to their rooms.
    ban("server-knows-no-sidecar", "^server/(?!main\\.ts)", "^(pipelines|bench)/"),
    ban("one-native-seam", "^server/(?!engine/)", "^native/"),
    ban("one-socket-seam", "^(server/(?!transport/)|protocols|pipelines|native)", "uWebSockets"),
    ban(
      "one-onnx-seam",
      "^(server/(?!engine/)|protocols|native|pipelines/(?!compile/onnx-session))",
      "onnxruntime-node",
    ),
    ban("one-duckdb-seam", "^(server|protocols|native|bench|pipelines/(?!datasets/))", "@duckdb/"),
    ban(
      "one-libsql-seam",
      "^(server|protocols|native|bench|pipelines/(?!store/libsql-database))",
      "(^|node_modules/)libsql(/|$)",
    ),
    {
      name: "tests-are-leaves",
      severity: "error",
      from: { pathNot: "(\\.test\\.ts$|/testing/)" },
      to: { path: "(\\.test\\.ts$|/testing/)" },
    },
    {
      name: "no-undeclared-package",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "unknown", "undetermined"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
    doNotFollow: { path: "node_modules" },
    // node_modules is kept as a leaf: the seam rules look at it.
    exclude: { path: "^dist/" },
  },
};
