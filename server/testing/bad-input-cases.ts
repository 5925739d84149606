import {
  type FrameCase,
  frame,
  grpc,
  head,
  http,
  json,
  NAMED,
  type WireCase,
} from "./bad-input-shapes.ts";

/**
 * Bad input that a server can be sent, and the one error that each gives: the source of the table in
 * deploy/docs/errors.md. bad-input.test.ts sends every case to the real server and compares.
 */

export const REQUEST_CASES: readonly WireCase[] = [
  http("no JSON", "invalid-argument 400", { body: "hello" }, "expected a JSON object, got 'h'"),
  http(
    "JSON that is cut off",
    "invalid-argument 400",
    { body: json({}).slice(0, -2) },
    "the JSON is malformed: expected ',' or a closing bracket at byte 72, got the end",
  ),
  http(
    "no inputs",
    "invalid-argument 400",
    { body: "{}" },
    "expected an array 'inputs', got nothing",
  ),
  http(
    "an unknown model",
    "model-not-found 404",
    { ask: "POST /v2/models/nobody/infer", body: json({}) },
    "no model is named 'nobody'",
  ),
  http(
    "an unknown version",
    "version-not-found 404",
    { ask: "POST /v2/models/scale/versions/9/infer", body: json({}) },
    "model 'scale' has no version or alias '9'; serving: 1",
  ),
  http(
    "a model name that is none",
    "invalid-argument 400",
    { ask: "GET /v2/models/a%2Fb" },
    'model name "a%2Fb" must be 1-128 of A-Z a-z 0-9 . _ - starting with a letter or digit',
  ),
  http(
    "an unknown path",
    "route-not-found 404",
    { ask: "GET /v1/models" },
    'no such path: "/v1/models"',
  ),
  http(
    "another verb",
    "method-not-allowed 405",
    { ask: "GET /v2/models/scale/infer" },
    "this path takes POST, got GET",
  ),
  http(
    "another input",
    "invalid-argument 400",
    { body: json({ name: "z" }) },
    "model 'scale' version 1: expected inputs ['x'] but ['x'] did not come; got ['z']",
  ),
  http(
    "another shape",
    "invalid-argument 400",
    { body: json({ shape: [2, 2] }) },
    "model 'scale' version 1: input 'x' expects shape [-1,4], got [2,2]",
  ),
  http(
    "another datatype",
    "invalid-argument 400",
    { body: json({ datatype: "INT32" }) },
    "model 'scale' version 1: input 'x' expects FP32, got INT32",
  ),
  http(
    "an unknown datatype",
    "invalid-argument 400",
    { body: json({ datatype: "FLOAT" }) },
    "tensor 'x': expected a datatype of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES, got 'FLOAT'",
  ),
  http(
    "too few elements",
    "invalid-argument 400",
    { body: json({ data: [1, 2, 3] }) },
    "tensor 'x': the data does not fill shape [1,4] exactly (4 elements, flat or nested like the shape)",
  ),
  http(
    "text for a number",
    "invalid-argument 400",
    { body: json({ data: [1, 2, "3", 4] }) },
    "tensor 'x': expected a FP32 value at element 2, got '\"'",
  ),
  http(
    "an unknown output",
    "invalid-argument 400",
    { body: json({}, { outputs: [{ name: "z" }] }) },
    "model 'scale' version 1: has no output ['z']; its outputs are ['y']",
  ),
  http(
    "more bytes than maxBodyBytes",
    "payload-too-large 413",
    { body: " ".repeat(70_000) },
    "the body may have 65536 bytes (maxBodyBytes), got 70000 bytes",
  ),
  http(
    "a deadline that is no number",
    "invalid-argument 400",
    { body: json({}), headers: { "x-request-timeout-ms": "soon" } },
    "header 'x-request-timeout-ms' must be a whole number, got \"soon\"",
  ),
  http(
    "a body compressed otherwise",
    "unsupported 501",
    { body: json({}), headers: { "content-encoding": "br" } },
    "header 'content-encoding' must be one of gzip, deflate, identity, got \"br\"",
  ),
  http(
    "load outside explicit mode",
    "conflict 409",
    { ask: "POST /v2/repository/models/scale/load", body: "{}" },
    "loading and unloading by call needs modelControlMode explicit (--model-control-mode=explicit)",
  ),
  http(
    "index: ready is no flag",
    "invalid-argument 400",
    { ask: "POST /v2/repository/index", body: '{"ready":1}' },
    "member 'ready' must be true or false, got a number",
  ),
  http(
    "binary: too few bytes",
    "invalid-argument 400",
    { body: head({}, 16), tailBytes: 12 },
    "tensor 'x': 'binary_data_size' is 16, but 12 bytes of binary data are left in the body",
  ),
  http(
    "binary: bytes left over",
    "invalid-argument 400",
    { body: head({}, 16), tailBytes: 20 },
    "4 bytes follow the last tensor of the body",
  ),
  http(
    "binary: size and shape differ",
    "invalid-argument 400",
    { body: head({}, 12), tailBytes: 12 },
    "tensor 'x': FP32 of shape [1,4] is 16 bytes, got binary_data_size 12",
  ),
  http(
    "binary: data as well",
    "invalid-argument 400",
    { body: head({ data: [1] }, 16), tailBytes: 16 },
    "tensor 'x': expected exactly one of 'data' and parameter 'binary_data_size', got both",
  ),
  http(
    "binary: no header with the head's length",
    "invalid-argument 400",
    { body: head({}, 16) },
    "tensor 'x': 'binary_data_size' is given, but no binary data can follow (over HTTP it needs the header Inference-Header-Content-Length)",
  ),
  http(
    "binary: a head longer than the body",
    "invalid-argument 400",
    { body: json({}), headers: { "inference-header-content-length": "9999" } },
    "Inference-Header-Content-Length must be a whole number 1 to 74 (the body's length), got 9999",
  ),
  grpc(
    "an unknown model",
    "model-not-found 5",
    { model_name: "nobody" },
    "no model is named 'nobody'",
  ),
  grpc(
    "no model name",
    "invalid-argument 3",
    { model_name: "" },
    'model name "" must be 1-128 of A-Z a-z 0-9 . _ - and start with a letter or digit',
  ),
  grpc(
    "too few raw bytes",
    "invalid-argument 3",
    { raw_input_contents: [Buffer.alloc(12)] },
    "tensor 'x' (FP32 [1,4]) expects 16 raw bytes (4 elements), got 12",
  ),
  grpc(
    "a raw entry too many",
    "invalid-argument 3",
    { raw_input_contents: [Buffer.alloc(16), Buffer.alloc(4)] },
    "expected 1 entries in raw_input_contents, one for each of inputs, got 2",
  ),
  grpc(
    "raw and typed contents",
    "invalid-argument 3",
    {
      inputs: [
        {
          name: "x",
          datatype: "FP32",
          shape: ["1", "4"],
          contents: { fp32_contents: [1, 2, 3, 4] },
        },
      ],
    },
    "tensor 'x' has typed contents and raw_input_contents is set too; expected one form for the whole message",
  ),
  grpc(
    "another shape",
    "invalid-argument 3",
    { inputs: [{ name: "x", datatype: "FP32", shape: ["2", "2"] }] },
    "model 'scale' version 1: input 'x' expects shape [-1,4], got [2,2]",
  ),
  grpc(
    "an unknown datatype",
    "invalid-argument 3",
    { inputs: [{ name: "x", datatype: "FLOAT", shape: ["1", "4"] }] },
    "tensor 'x' expects a datatype of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES, got 'FLOAT'",
  ),
];

export const FRAME_CASES: readonly FrameCase[] = [
  frame("no JSON", "invalid-argument", "hello", null, "expected a JSON object, got 'h'"),
  frame(
    "no id",
    "invalid-argument",
    json({}, { model_name: "scale" }),
    null,
    "a frame needs an 'id' that is not empty",
  ),
  frame(
    "an id that is no text",
    "invalid-argument",
    json({}, { ...NAMED, id: 7 }),
    null,
    "id: expected a string, got a number",
  ),
  frame(
    "no model",
    "invalid-argument",
    json({}, { id: "7" }),
    "7",
    "member 'model_name' is missing; the URL has none",
  ),
  frame(
    "an unknown model",
    "model-not-found",
    json({}, { ...NAMED, model_name: "nobody" }),
    "7",
    "no model is named 'nobody'",
  ),
  frame(
    "an unknown version",
    "version-not-found",
    json({}, { ...NAMED, model_version: "9" }),
    "7",
    "model 'scale' has no version or alias '9'; serving: 1",
  ),
  frame(
    "another shape",
    "invalid-argument",
    json({ shape: [2, 2] }, NAMED),
    "7",
    "model 'scale' version 1: input 'x' expects shape [-1,4], got [2,2]",
  ),
  frame(
    "binary tensor data",
    "invalid-argument",
    JSON.stringify({ ...JSON.parse(head({}, 16)), ...NAMED }),
    "7",
    "tensor 'x': 'binary_data_size' is given, but no binary data can follow (over HTTP it needs the header Inference-Header-Content-Length)",
  ),
  frame(
    "a binary frame",
    "unsupported",
    new Uint8Array(8),
    null,
    "binary frames are not supported; send text frames of the subprotocol 'sluice.json'",
  ),
];

const AS_SCALE = { body: json({}) };

export const CREDENTIAL_CASES: readonly WireCase[] = [
  http(
    "none",
    "unauthenticated 401",
    AS_SCALE,
    "no key came; send 'Authorization: Bearer slc_…' with a key of this server",
  ),
  http(
    "no key of ours",
    "unauthenticated 401",
    { ...AS_SCALE, key: "foreign" },
    "the key is not known; send 'Authorization: Bearer slc_…' with a key of this server",
  ),
  http(
    "a right id with a wrong secret",
    "unauthenticated 401",
    { ...AS_SCALE, key: "forged" },
    "the key is not known; send 'Authorization: Bearer slc_…' with a key of this server",
  ),
  http(
    "revoked",
    "unauthenticated 401",
    { ...AS_SCALE, key: "revoked" },
    "the key '<key>' is revoked",
  ),
  http(
    "expired",
    "unauthenticated 401",
    { ...AS_SCALE, key: "expired" },
    "the key '<key>' is expired",
  ),
  http(
    "a role too low",
    "permission-denied 403",
    { ...AS_SCALE, key: "reader" },
    "this needs role infer, the key '<key>' has role read",
  ),
  http(
    "for other models",
    "permission-denied 403",
    { ...AS_SCALE, key: "other" },
    "the key '<key>' is for other models than 'scale'",
  ),
  http(
    "load without the role admin",
    "permission-denied 403",
    { ask: "POST /v2/repository/models/scale/load", key: "good" },
    "this needs role admin, the key '<key>' has role infer",
  ),
  grpc(
    "none",
    "unauthenticated 16",
    {},
    "no key came; send 'Authorization: Bearer slc_…' with a key of this server",
  ),
  { ...grpc("revoked", "unauthenticated 16", {}, "the key '<key>' is revoked"), key: "revoked" },
  {
    ...grpc(
      "a role too low",
      "permission-denied 7",
      {},
      "this needs role infer, the key '<key>' has role read",
    ),
    key: "reader",
  },
  {
    ...grpc(
      "for other models",
      "permission-denied 7",
      {},
      "the key '<key>' is for other models than 'scale'",
    ),
    key: "other",
  },
  {
    ...frame(
      "none",
      "unauthenticated 401",
      "",
      null,
      "no key came; send 'Authorization: Bearer slc_…' with a key of this server",
    ),
    frame: null,
  },
  {
    ...frame("expired", "unauthenticated 401", "", null, "the key '<key>' is expired"),
    frame: null,
    key: "expired",
  },
  {
    ...frame(
      "a role too low",
      "permission-denied",
      json({}, NAMED),
      "7",
      "this needs role infer, the key '<key>' has role read",
    ),
    key: "reader",
  },
  {
    ...frame(
      "for other models",
      "permission-denied",
      json({}, NAMED),
      "7",
      "the key '<key>' is for other models than 'scale'",
    ),
    key: "other",
  },
];
