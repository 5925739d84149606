const MAGIC: readonly (readonly [text: string, at: number, what: string])[] = [
  ["version https://git-lfs", 0, "a Git LFS pointer (run `git lfs pull`)"],
  ["PK\u0003\u0004", 0, "a zip archive (a PyTorch or Keras file? export it to ONNX first)"],
  ["\u0089HDF", 0, "an HDF5 file (a Keras model? export it to ONNX first)"],
  ["TFL3", 4, "a TensorFlow Lite model"],
  ["ORTM", 4, "a model in ONNX Runtime's own .ort format"],
  ["\u001f\u008b", 0, "a gzip archive"],
  ["\u0080\u0004", 0, "a Python pickle"],
  ["<", 0, "text (HTML or XML)"],
  ["{", 0, "text (JSON)"],
];

/** What the bytes plainly are when they are not protobuf; null when they may be a model. */
export function describeForeignFormat(bytes: Uint8Array): string | null {
  if (bytes.byteLength === 0) return "an empty file";
  for (const [text, at, what] of MAGIC) {
    if (startsWith(bytes, text, at)) return what;
  }
  return null;
}

function startsWith(bytes: Uint8Array, text: string, at: number): boolean {
  for (let i = 0; i < text.length; i += 1) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}
