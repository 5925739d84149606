import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { InferRequest } from "../core/infer.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import { inferErrorOf } from "../testing/codec-contract.ts";
import { cutBody, decodeRequest } from "./decode.ts";
import { KnownRequests } from "./known-requests.ts";
import { splitJson } from "./split-json.ts";
import { decodeJson, utf8 } from "./testing/decode-text.ts";

/** Under these nothing is learned and so nothing known. */
const UNLEARNED: Limits = { ...DEFAULT_LIMITS, maxJsonDepth: 18 };

/** The request, or the words of its refusal. */
function outcome(text: string, limits: Limits, memory: KnownRequests): unknown {
  let read: InferRequest | null = null;
  const error = inferErrorOf(() => {
    read = decodeRequest(cutBody(utf8(text), null, limits), limits, "reject", memory).request;
  });
  return error === null ? read : `${error.code}: ${error.message}`;
}

/** Each text is read as if it came first, though `learned` came before. */
function assertNotTold(learned: string, others: readonly string[]): void {
  const memory = new KnownRequests();
  outcome(learned, DEFAULT_LIMITS, memory);
  for (const text of others) {
    const expected = outcome(text, UNLEARNED, memory);
    assert.deepEqual(outcome(text, DEFAULT_LIMITS, memory), expected, text);
  }
}

const X = '{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}';

describe("known requests", () => {
  test("a known text is not read again", () => {
    const memory = new KnownRequests();
    const read = (id: string, data: string) => {
      const text = `{"id":"${id}","inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":${data}}]}`;
      return outcome(text, DEFAULT_LIMITS, memory) as InferRequest;
    };
    const first = read("a", "[1,2]");
    const second = read("b7", "[3, 4]");
    assert.equal(second.id, "b7");
    assert.deepEqual(second.inputs[0]?.data, Float32Array.of(3, 4));
    // What its text says beside its holes is one object for both.
    assert.equal(second.inputs[0]?.shape, first.inputs[0]?.shape);
  });

  test("a long text is searched for few skeletons, however many begin and end like it", () => {
    const memory = new KnownRequests();
    const tensors = (names: readonly string[]) =>
      names.map((name) => `{"name":"${name}","datatype":"FP32","shape":[2],"data":[1,2]}`);
    for (let i = 0; i < 20; i++) {
      const [x, between, last] = tensors(["x", `m${i}`, "z"]);
      outcome(`{"inputs":[${x},${between},${last}]}`, DEFAULT_LIMITS, memory);
    }
    const text = `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,${" ".repeat(1 << 17)}2]},${tensors(["n", "z"])}]}`;
    const json = Buffer.from(text);
    let searches = 0;
    const indexOf = json.indexOf.bind(json);
    Object.assign(json, {
      indexOf: (piece: Buffer, from: number) => {
        searches++;
        return indexOf(piece, from);
      },
    });
    assert.equal(memory.find(json, DEFAULT_LIMITS), null);
    assert.ok(searches <= 4, `${searches} searches`);
  });

  test("binary tensor data after a known text", () => {
    const memory = new KnownRequests();
    const json = utf8(
      '{"inputs":[{"name":"x","datatype":"INT32","shape":[2],"data":null,"parameters":{"binary_data_size":8}}]}',
    );
    const read = (tail: Uint8Array, limits: Limits) => {
      const parts = cutBody(Buffer.concat([json, tail]), json.length, limits);
      let request: InferRequest | null = null;
      const error = inferErrorOf(() => {
        request = decodeRequest(parts, limits, "reject", memory).request;
      });
      return { request: request as InferRequest | null, message: error?.message ?? null };
    };
    const first = read(new Uint8Array(8), DEFAULT_LIMITS);
    for (const length of [8, 0, 7, 9, 16]) {
      const tail = new Uint8Array(length).fill(length);
      assert.deepEqual(read(tail, DEFAULT_LIMITS), read(tail, UNLEARNED));
    }
    const again = read(new Uint8Array(8), DEFAULT_LIMITS).request;
    assert.equal(again?.inputs[0]?.shape, first.request?.inputs[0]?.shape);
  });

  test("more behind a known text that ends with its id, though it ends alike", () => {
    const learned = `{"inputs":[${X}],"id":"a"}`;
    assertNotTold(learned, [`${learned}"}`, `${learned}x"}`, `{"inputs":[${X}],"id":"b"} "}`]);
  });

  test("other data and another id in a known text", () => {
    const make = (id: string, data: string) =>
      `{"id":${id},"inputs":[${X.replace("[1,2]", data)}]}`;
    const texts: string[] = [];
    for (const id of [
      '"a"',
      '""',
      '"{}[],:"',
      '"é"',
      '"\\u0061"',
      '"a\\""',
      "null",
      "7",
      '"a',
      "[]",
    ]) {
      for (const data of [
        "[3,4]",
        " [ 3 , 4 ] ",
        "[3,null]",
        "[3]",
        "[3,4,5]",
        "[[3,4]]",
        "[3,4",
        '[3,"4"]',
        "null",
        "",
        '[3,4],"data":[5,6]',
        '[3,4],"name":"y"',
        '[3,4]}],"inputs":[{"data":[5,6]',
        "[3,4]\u00a0",
        "[3,é]",
      ]) {
        texts.push(make(id, data));
      }
    }
    for (const learned of ['"a"', '"é"', "null"]) assertNotTold(make(learned, "[1,2]"), texts);
  });

  test("several tensors, strings, binary and bare values", () => {
    const make = (a: string, b: string, c: string) =>
      `{"inputs":[{"data":${a},"name":"a","datatype":"INT32","shape":[2]},` +
      `{"name":"b","datatype":"BYTES","shape":[1],"data":${b}},` +
      `{"name":"c","datatype":"FP64","shape":[],"data":${c}}]}`;
    const texts: string[] = [];
    for (const a of ["[1,2]", "[7,-8]", "[7]", "[7,8.5]"]) {
      for (const b of [
        '["s"]',
        '["]}"]',
        '["\\u00e9"]',
        '["},{\\"name\\":\\"c\\""]',
        "[null]",
        "[1]",
      ]) {
        for (const c of ["1", "[2]", " 3", "null", "", "[]"]) texts.push(make(a, b, c));
      }
    }
    assertNotTold(make("[1,2]", '["s"]', "1"), texts);
    assertNotTold(make("[1,2]", '["s"]', "[1]"), texts);
    const vector = make("[1,2]", '["s"]', "[1]").replace('"shape":[],', '"shape":[1],');
    assertNotTold(
      vector,
      texts.map((text) => text.replace('"shape":[],', '"shape":[1],')),
    );
  });

  test("bytes in the holes of a known text that are no UTF-8", () => {
    for (const [datatype, value] of [
      ["BYTES", '"?"'],
      ["FP32", "1.?"],
    ]) {
      const text = `{"id":"a?","inputs":[{"name":"x","datatype":"${datatype}","shape":[1],"data":[${value}]}]}`;
      const memory = new KnownRequests();
      outcome(text.replaceAll("?", "1"), DEFAULT_LIMITS, memory);
      for (const at of [text.indexOf("?"), text.lastIndexOf("?")]) {
        const json = Buffer.from(text.replaceAll("?", "1"));
        json[at] = 0xff;
        const parts = { json, tail: null };
        const error = inferErrorOf(() => decodeRequest(parts, DEFAULT_LIMITS, "reject", memory));
        assert.equal(error?.message, "the JSON is not valid UTF-8");
      }
    }
  });

  test("an id that only looks like the root's is no hole", () => {
    const make = (id: string) => [
      `{"parameters":{"id":"${id}"},"inputs":[${X}]}`,
      `{"parameters":{"id":"${id}"},"id":"q","inputs":[${X}]}`,
      `{"parameters":{"id":"q"},"id":"${id}","inputs":[${X}]}`,
      `{"id":"${id}","\\u0069d":"q","inputs":[${X}]}`,
      `{"\\u0069d":"q","id":"${id}","inputs":[${X}]}`,
      `{"id":"q","id":"${id}","inputs":[${X}]}`,
      `{"id":"${id}","id":"q","inputs":[${X}]}`,
      `{"p":"\\"id\\":\\"${id}","id":"q","inputs":[${X}]}`,
      `{"p":["id","${id}"],"inputs":[${X}],"id":"q"}`,
      `{"inputs":[${X}],"id":"${id}"}`,
      `{"inputs":[{"id":"${id}",${X.slice(1)}],"id" : "q"}`,
      `{"inputs":[{"name":"id","datatype":"FP32","shape":[1],"parameters":{"id":"${id}"},"data":[1]}]}`,
    ];
    const others = ["r", "q", "", "~"].flatMap(make);
    for (const learned of make("q")) assertNotTold(learned, others);
  });

  test("one changed byte anywhere in a known text", () => {
    const text = `{"id":"a1","parameters":{"k":1},"outputs":[{"name":"y"}],"inputs":[${X},${X}]}`;
    const changed: string[] = [];
    for (let at = 0; at < text.length; at++) {
      for (const byte of ['"', "\\", "]", "}", ",", " ", "9", "\0", "é"]) {
        changed.push(text.slice(0, at) + byte + text.slice(at + 1));
      }
      changed.push(text.slice(0, at));
    }
    assertNotTold(text, changed);
  });

  test("property: any order of members, any values, one text after another", () => {
    const id = fc.constantFrom('"a"', '"b2"', '"é"', '"\\n"', "null");
    const data = fc.constantFrom(
      "[1,2]",
      "[[1,2]]",
      "[1e2,-0.5]",
      "[null,1]",
      '["s"]',
      "3",
      "[1,2",
    );
    const tensor = fc
      .tuple(data, fc.constantFrom("FP32", "INT64", "BYTES"), fc.constantFrom("[2]", "[1,2]", "[]"))
      .chain(([values, datatype, shape]) =>
        fc.shuffledSubarray(
          ['"name":"x"', `"datatype":"${datatype}"`, `"shape":${shape}`, `"data":${values}`],
          { minLength: 4 },
        ),
      )
      .map((members) => `{${members.join(",")}}`);
    const request = fc
      .tuple(id, fc.array(tensor, { minLength: 1, maxLength: 2 }), fc.boolean())
      .map(([text, tensors, isIdFirst]) => {
        const members = [`"id":${text}`, `"inputs":[${tensors.join(",")}]`];
        return `{${(isIdFirst ? members : members.reverse()).join(",")}}`;
      });
    fc.assert(
      fc.property(fc.array(request, { minLength: 2, maxLength: 12 }), ([first, ...others]) => {
        assertNotTold(first as string, others);
      }),
      { numRuns: 500 },
    );
  });

  test("arrays of one text after another share no elements", () => {
    const read = (data: string) => decodeJson(`{"inputs":[${X.replace("[1,2]", data)}]}`);
    const requests = Array.from({ length: 3000 }, (_, i) => read(`[${i},${i + 1}]`));
    for (const [i, request] of requests.entries()) {
      assert.deepEqual(request.inputs[0]?.data, Float32Array.of(i, i + 1));
    }
  });
});

describe("known requests: what is kept", () => {
  const form = { root: {}, id: null, parameters: new Map(), outputs: null, tensors: [] };
  const bytesOf = (serial: number) => Buffer.from(`{"serial":${serial},"inputs":[]}`);
  const learn = (known: KnownRequests, json: Buffer, limits = DEFAULT_LIMITS) =>
    known.learn(json, splitJson(json, "inputs", limits).data, form, limits);
  const finds = (known: KnownRequests, serial: number) =>
    known.find(bytesOf(serial), DEFAULT_LIMITS) !== null;

  test("a bounded number of texts; those that come often stay", () => {
    const known = new KnownRequests();
    for (let serial = 0; serial < 60; serial++) {
      learn(known, bytesOf(serial));
      assert.ok(finds(known, 0) && finds(known, serial));
    }
    const kept = Array.from({ length: 60 }, (_, i) => i).filter((i) => finds(known, i));
    assert.equal(kept.length, 32);
  });

  test("texts that never come again are mostly not learned", () => {
    const known = new KnownRequests();
    let learned = 0;
    for (let serial = 0; serial < 10_000; serial++) {
      learn(known, bytesOf(serial));
      const json = bytesOf(serial);
      // A find of its own would be credit: every 50th tells enough.
      if (serial % 50 === 0 && known.find(json, DEFAULT_LIMITS) !== null) learned++;
    }
    assert.ok(learned < 30, `${learned} of 200`);
    for (let i = 0; i < 200 && !finds(known, 10_001); i++) learn(known, bytesOf(10_001));
    assert.ok(finds(known, 10_001));
  });

  test("long texts, other limits and limits that data could pass are not known", () => {
    const known = new KnownRequests();
    const long = Buffer.from(`{"x":"${"y".repeat(1100)}","inputs":[]}`);
    learn(known, long);
    assert.equal(known.find(long, DEFAULT_LIMITS), null);
    learn(known, bytesOf(1));
    assert.ok(finds(known, 1));
    assert.equal(known.find(bytesOf(1), { ...DEFAULT_LIMITS }), null);
    const shallow = { ...DEFAULT_LIMITS, maxJsonDepth: 18 };
    learn(known, bytesOf(2), shallow);
    assert.equal(known.find(bytesOf(2), shallow), null);
  });
});
