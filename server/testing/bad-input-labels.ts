import { http, json, type WireCase } from "./bad-input-shapes.ts";

const LABELS = "POST /v2/models/scale/labels";

/** What the loop adds to requests; the server of bad-input.test.ts captures nothing. */
export const LABEL_CASES: readonly WireCase[] = [
  http(
    "a missing value where the model takes none",
    "invalid-argument 400",
    { body: json({ data: [1, 2, null, 4] }) },
    "model 'scale' version 1: input 'x' holds null, and the model does not accept missing values there",
  ),
  http(
    "a missing value in a datatype that has none",
    "invalid-argument 400",
    { body: json({ datatype: "INT32", data: [1, 2, null, 4] }) },
    "tensor 'x': element 2 is null; INT32 has no missing values here",
  ),
  http(
    "an inference id that is none",
    "invalid-argument 400",
    { body: json({}, { parameters: { inference_id: "a b" } }) },
    "parameter 'inference_id' must be 1-128 of A-Z a-z 0-9 . _ : -, got \"a b\"",
  ),
  http(
    "labels: one without a label",
    "invalid-argument 400",
    { ask: LABELS, body: '{"labels":[{"inference_id":"a"}]}' },
    "labels[0].label must be a finite number, true, false or a string of at most 1024 characters, got nothing",
  ),
  http(
    "labels: a misspelt member",
    "invalid-argument 400",
    { ask: LABELS, body: '{"labels":[{"inference_id":"a","label":1,"rows":1}]}' },
    'labels[0] has the unknown member "rows"',
  ),
  http(
    "labels: none",
    "invalid-argument 400",
    { ask: LABELS, body: '{"labels":[]}' },
    "member 'labels' must hold 1 to 10000 labels, got 0",
  ),
  http(
    "labels: an unknown model",
    "model-not-found 404",
    { ask: "POST /v2/models/nobody/labels", body: '{"labels":[{"inference_id":"a","label":1}]}' },
    "no model is named 'nobody'",
  ),
  http(
    "labels where nothing is captured",
    "conflict 409",
    { ask: LABELS, body: '{"labels":[{"inference_id":"a","label":1}]}' },
    "labels are kept where predictions are captured; this server has neither captureFolder nor captureStream",
  ),
];
