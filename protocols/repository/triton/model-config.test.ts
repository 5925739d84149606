import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assertConfigFits, parseTritonConfig } from "./model-config.ts";
import { TritonConfigError } from "./text-fields.ts";
import { parseTextFormat, TextFormatError } from "./text-format.ts";

const RESNET = `
# as exported
name: "resnet"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "data" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 224, 224 ] }
]
output [ { name: "prob", data_type: TYPE_FP32, dims: [ 1000 ], label_filename: "labels.txt" } ]
version_policy: { specific { versions: [1, 3] } }
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }
instance_group [ { count: 2; kind: KIND_CPU } ]
parameters: { key: "intra_op_thread_count" value: { string_value: "2" } }
default_model_filename: "resnet.onnx"
`;

describe("config.pbtxt", () => {
  it("tells what it says of an ONNX model, and what is not followed", () => {
    assert.deepEqual(parseTritonConfig("resnet", RESNET), {
      maxBatchSize: 8,
      inputs: [{ name: "data", datatype: "FP32", dims: [3, 224, 224] }],
      outputs: [{ name: "prob", datatype: "FP32", dims: [1000] }],
      versionPolicy: { kind: "specific", versions: [1, 3] },
      modelFile: "resnet.onnx",
      notHonoured: [
        "parameters (the engine's own settings hold)",
        "dynamic_batching.preferred_batch_size (a batch is what waited)",
        "dynamic_batching.max_queue_delay_microseconds (a batch waits for nothing but the engine)",
        "output.label_filename (classes are not named in answers)",
        "instance_group.count (the setting engineThreads decides)",
      ],
    });
  });

  it("an empty one is as none", () => {
    assert.deepEqual(parseTritonConfig("m", ""), {
      maxBatchSize: null,
      inputs: [],
      outputs: [],
      versionPolicy: { kind: "latest", count: 1 },
      modelFile: "model.onnx",
      notHonoured: [],
    });
  });

  it("version policies", () => {
    const policyOf = (text: string) => parseTritonConfig("m", text).versionPolicy;
    assert.deepEqual(policyOf("version_policy: { latest: { num_versions: 2 } }"), {
      kind: "latest",
      count: 2,
    });
    assert.deepEqual(policyOf("version_policy { latest {} }"), { kind: "latest", count: 1 });
    assert.deepEqual(policyOf("version_policy: <all: <>>"), { kind: "all" });
  });

  it("refuses what is no ONNX graph by itself, naming it", () => {
    const cases: [string, RegExp][] = [
      [
        'platform: "tensorrt_plan"',
        /platform 'tensorrt_plan' is not served, only onnxruntime_onnx/,
      ],
      ['backend: "python"', /backend 'python' is not served, only onnxruntime$/],
      ["ensemble_scheduling { step [ ] }", /it has ensemble_scheduling: ensembles/],
      ["sequence_batching { }", /it has sequence_batching: models with state/],
      ["model_transaction_policy { decoupled: true }", /it is decoupled/],
      ['name: "other"', /name is 'other', but the model's folder is 'm'/],
      ['default_model_filename: "../x"', /must be a plain file name, got '..\/x'/],
      ['input { name: "x" data_type: TYPE_FP32 dims: 1 reshape { shape: [] } }', /has reshape/],
      [
        'input { name: "x" data_type: TYPE_COMPLEX dims: 1 }',
        /input 'x' has data_type TYPE_COMPLEX/,
      ],
      ["input { data_type: TYPE_FP32 }", /input\[0\] has no name/],
      ["max_batch_size: many", /line 1: max_batch_size must be a whole number, got 'many'/],
      ["max_batch_size: 1 max_batch_size: 2", /line 1: max_batch_size stands twice/],
      ["version_policy { all {} latest {} }", /more than one of latest, all and specific/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseTritonConfig("m", text), {
        name: "TritonConfigError",
        message,
      });
    }
  });

  it("is compared with the graph", () => {
    const graph = {
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [
        { name: "y", datatype: "FP32", shape: [-1, 4] },
        { name: "z", datatype: "INT64", shape: [-1] },
      ],
    } as const;
    const fits = (text: string) => assertConfigFits(parseTritonConfig("m", text), graph);
    const x = (rest: string) => `input { name: "x" ${rest} }`;
    assert.deepEqual(fits(""), []);
    assert.deepEqual(fits(`max_batch_size: 2 ${x("data_type: TYPE_FP32 dims: 4")}`), []);
    assert.deepEqual(fits(x("data_type: TYPE_FP32 dims: [-1, 4]")), []);
    assert.deepEqual(fits('output { name: "y" data_type: TYPE_FP32 dims: [-1, -1] }'), ["z"]);
    const refused: [string, RegExp][] = [
      [
        x("data_type: TYPE_INT64 dims: [-1, 4]"),
        /input 'x' is INT64 \[-1,4\], but the graph has FP32/,
      ],
      [
        `max_batch_size: 2 ${x("data_type: TYPE_FP32 dims: [-1, 4]")}`,
        /is FP32 \[-1,-1,4\] \(dims with the batch dimension of max_batch_size\), but the graph has FP32 \[-1,4\]/,
      ],
      [
        'input { name: "a" data_type: TYPE_FP32 dims: 1 }',
        /input 'a' is not in the graph, which has 'x'/,
      ],
    ];
    for (const [text, message] of refused) assert.throws(() => fits(text), { message });
  });
});

describe("protobuf's text format", () => {
  it("strings: quotes, escapes, joined", () => {
    const read = (text: string) => parseTextFormat(`a: ${text}`).get("a")?.[0];
    for (const [text, value] of [
      ['"a" \'b\'\n"c"', "abc"],
      ['"\\x41\\102\\n\\u00e9\\U0001F600"', "AB\né😀"],
      ['"\\303\\251"', "é"],
      ["'it\\'s # no comment'", "it's # no comment"],
    ] as const) {
      assert.deepEqual(read(text), { kind: "string", text: value, line: 1 });
    }
  });

  it("numbers: signs, hexadecimal, floats", () => {
    const numbers = parseTextFormat("a: [1, -2, 0x10, 1.5f, 2e3, .5]").get("a");
    assert.deepEqual(
      numbers?.map((value) => (value.kind === "number" ? value.value : null)),
      [1, -2, 16, 1.5, 2000, 0.5],
    );
  });

  it("says the line of what is wrong", () => {
    const cases: [string, string][] = [
      ["a: 1\nb 2", "line 2: expected ':' or '{' after b, got 2"],
      ["a {\n  b: 1\n", "line 3: expected a field's name or '}', got the end of the file"],
      ["a: [1 2]", "line 1: expected ',' or ']', got 2"],
      ['a: "x', "line 1: a string does not end on its line"],
      ["a: }", "line 1: expected a value, got '}'"],
      ["a: 1\n\n@", "line 3: expected a name or a value, got '@'"],
      ['a: "\\q"', "line 1: a string has the unknown escape '\\q'"],
      ["a {".repeat(40), "line 1: messages nest deeper than 32"],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseTextFormat(text), { name: "TextFormatError", message });
    }
  });

  it("any text is read or refused, never anything else", () => {
    const pieces = fc.constantFrom(
      "a",
      ":",
      "{",
      "}",
      "<",
      ">",
      "[",
      "]",
      ",",
      '"',
      "'",
      "\\",
      "1",
      "-",
      " ",
      "\n",
      "#",
      "é",
    );
    const text = fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (input) => {
        try {
          parseTritonConfig("m", input);
        } catch (thrown) {
          assert.ok(thrown instanceof TritonConfigError || thrown instanceof TextFormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
