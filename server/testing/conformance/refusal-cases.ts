import assert from "node:assert/strict";
import { it } from "node:test";
import { ask } from "../../transport/testing/clients.ts";
import { inferParts, ROW, ROWS, rows, type Server, textOf } from "./conformance-requests.ts";

/** What is malformed or does not fit (sheet §14), each with its status. */
export function refusalCases(server: Server): void {
  const x = (members: string) => rows(`{"name":"x",${members}}`);
  const refused: readonly (readonly [string, number, string, Record<string, string>])[] = [
    ["a wrong name", 400, rows(ROW.replace('"x"', '"z"')), {}],
    ["a wrong datatype", 400, x('"datatype":"FP64","shape":[1,3],"data":[1,2,3]'), {}],
    ["an unknown datatype", 400, x('"datatype":"FP8","shape":[1,3],"data":[1,2,3]'), {}],
    ["a wrong shape", 400, x('"datatype":"FP32","shape":[1,4],"data":[1,2,3,4]'), {}],
    ["a wrong rank", 400, x('"datatype":"FP32","shape":[3],"data":[1,2,3]'), {}],
    ["too few elements", 400, x('"datatype":"FP32","shape":[1,3],"data":[1,2]'), {}],
    ["a missing input", 400, rows(""), {}],
    ["an input twice", 400, rows(`${ROW},${ROW}`), {}],
    ["an unknown output", 400, rows(ROW, ',"outputs":[{"name":"nope"}]'), {}],
    ["an output twice", 400, rows(ROW, ',"outputs":[{"name":"y"},{"name":"y"}]'), {}],
    ["a triton_ parameter", 400, rows(ROW, ',"parameters":{"triton_x":1}'), {}],
    ["a priority that is none", 400, rows(ROW, ',"parameters":{"priority":-1}'), {}],
    ["a head length that is no number", 400, rows(ROW), { "inference-header-content-length": "x" }],
    ["a head longer than the body", 400, rows(ROW), { "inference-header-content-length": "9999" }],
    ["a head shorter than the JSON", 400, rows(ROW), { "inference-header-content-length": "10" }],
    ["bytes behind the last tensor", 400, `${rows(ROW)}1234`, lengthOf(rows(ROW))],
    [
      "shared memory",
      501,
      x('"datatype":"FP32","shape":[1,3],"parameters":{"shared_memory_region":"r"}'),
      {},
    ],
    ["a body over maxBodyBytes", 413, " ".repeat(300_000), {}],
  ];
  for (const [name, status, body, headers] of refused) {
    it(`refuses ${name} with ${status}`, async () => {
      const reply = await ask(server().httpPort, ROWS, { body, headers });
      assert.equal(reply.status, status, textOf(reply));
      assert.ok(reply.json.error.length > 10);
    });
  }

  it("refuses binary sizes that do not add up", async () => {
    for (const [declared, sent] of [
      [12, 8],
      [12, 16],
      [8, 8],
    ] as const) {
      const json = `{"name":"x","datatype":"FP32","shape":[1,3],"parameters":{"binary_data_size":${declared}}}`;
      const reply = await inferParts(server, ROWS, [{ json, blob: Buffer.alloc(sent) }]);
      assert.equal(reply.status, 400, textOf(reply));
    }
  });

  it("refuses unknown models and versions with 404", async () => {
    for (const path of [
      "/v2/models/nope/infer",
      "/v2/models/rows/versions/9/infer",
      "/v2/models/rows/versions/nope/infer",
    ]) {
      assert.equal((await ask(server().httpPort, path, { body: rows(ROW) })).status, 404, path);
    }
    assert.equal((await ask(server().httpPort, "/v2/models/nope")).status, 404);
  });

  it("refuses load with files or a configuration, and says why", async () => {
    for (const parameters of [
      { config: '{"name":"rows"}' },
      { "file:1/model.onnx": "AAAA" },
    ] as const) {
      const reply = await ask(server().httpPort, "/v2/repository/models/rows/load", {
        body: JSON.stringify({ parameters }),
      });
      assert.deepEqual([reply.status, reply.json.code], [501, "unsupported"]);
      assert.match(reply.json.error, /models load from the repository as they are/);
    }
  });
}

function lengthOf(json: string): Record<string, string> {
  return { "inference-header-content-length": String(Buffer.byteLength(json)) };
}
