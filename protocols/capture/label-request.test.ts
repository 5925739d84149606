import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InferError } from "../core/status.ts";
import {
  decodeLabelAnswer,
  decodeLabelRequest,
  encodeLabelAnswer,
  encodeLabelRequest,
  MAX_LABELS,
} from "./label-request.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const refuses = (text: string, message: RegExp) =>
  assert.throws(
    () => decodeLabelRequest(bytes(text)),
    (thrown) =>
      thrown instanceof InferError &&
      thrown.code === "invalid-argument" &&
      message.test(thrown.message),
    text,
  );

describe("a request of labels", () => {
  it("written is the request read", () => {
    const labels = [
      { inferenceId: "a.1", row: 0, label: 1.5 },
      { inferenceId: "a.1", row: 2, label: "yes" },
      { inferenceId: "x:Y_z-0", row: 0, label: false },
    ];
    assert.deepEqual(decodeLabelRequest(encodeLabelRequest(labels)), labels);
    assert.equal(decodeLabelAnswer(encodeLabelAnswer(3)), 3);
  });

  it("means row 0 where it names none", () => {
    const [label] = decodeLabelRequest(bytes('{"labels":[{"inference_id":"a","label":0}]}'));
    assert.deepEqual(label, { inferenceId: "a", row: 0, label: 0 });
  });

  it("is refused whole, naming the first label that cannot be taken", () => {
    const one = (members: string) => `{"labels":[{"inference_id":"a","label":1},{${members}}]}`;
    refuses("", /0 bytes that do not parse/);
    refuses("[]", /the body must be a JSON object, got an array/);
    refuses("{}", /'labels' must be an array, got nothing/);
    refuses('{"labels":[]}', /1 to 10000 labels, got 0/);
    refuses('{"labels":[1]}', /labels\[0\] must be a JSON object, got a number/);
    refuses('{"labels":[],"label":1}', /the body has the unknown member "label"/);
    refuses(one('"label":1'), /labels\[1\]\.inference_id must be 1-128 of .*, got nothing/);
    refuses(one('"inference_id":"a b","label":1'), /inference_id must be .*, got "a b"/);
    refuses(one('"inference_id":"a"'), /labels\[1\]\.label must be a finite number.*got nothing/);
    refuses(one('"inference_id":"a","label":null'), /got null/);
    refuses(one('"inference_id":"a","label":1e999'), /got a number/);
    refuses(one(`"inference_id":"a","label":"${"x".repeat(1025)}"`), /a string of 1025 characters/);
    refuses(
      one('"inference_id":"a","label":1,"row":-1'),
      /row must be a whole number from 0, got -1/,
    );
    refuses(one('"inference_id":"a","label":1,"row":0.5'), /got 0\.5/);
    refuses(one('"inference_id":"a","label":1,"row":"0"'), /got "0"/);
    refuses(
      one('"inference_id":"a","label":1,"rows":1'),
      /labels\[1\] has the unknown member "rows"/,
    );
  });

  it("has at most ten thousand labels", () => {
    const labels = Array.from({ length: MAX_LABELS + 1 }, (_, row) => {
      return { inferenceId: "a", row, label: 1 };
    });
    refuses(Buffer.from(encodeLabelRequest(labels)).toString(), /got 10001/);
    assert.equal(decodeLabelRequest(encodeLabelRequest(labels.slice(1))).length, MAX_LABELS);
  });

  it("of any bytes or JSON gives labels or an InferError", () => {
    const inputs = fc.oneof(
      fc.uint8Array(),
      fc.jsonValue().map((value) => bytes(JSON.stringify(value))),
      fc.jsonValue().map((value) => bytes(JSON.stringify({ labels: [value] }))),
    );
    fc.assert(
      fc.property(inputs, (body) => {
        try {
          decodeLabelRequest(body);
        } catch (thrown) {
          assert.ok(thrown instanceof InferError, String(thrown));
        }
      }),
    );
  });
});
