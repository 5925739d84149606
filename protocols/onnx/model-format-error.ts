/** The bytes are no ONNX model that could be served; the message says what was found instead. */
export class ModelFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ModelFormatError";
  }
}
