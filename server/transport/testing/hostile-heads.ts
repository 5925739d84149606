import { inferBody } from "./clients.ts";

/**
 * How a request that is not honest ends. `400 invalid-argument`: status and our code, in our words;
 * `400`: the HTTP library's own refusal; `none`: no answer, the connection ends or its timeout will
 * end it; `200`: served, and right.
 */
export type Ending = string;

/** [what is odd, the bytes, over uWebSockets.js, over node:http] */
export type HostileRow = readonly [what: string, request: string, uws: Ending, node: Ending];

const PATH = "/v2/models/double/infer";
const BODY = inferBody([3]);
const SIZE = BODY.length;
const LENGTH = `Content-Length: ${SIZE}\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const CHUNK = `${SIZE.toString(16)}\r\n${BODY}\r\n`;
const LAST = "0\r\n\r\n";

const OURS = "400 invalid-argument";

function post(headers: string, body = BODY, path = PATH, version = "HTTP/1.1"): string {
  return `POST ${path} ${version}\r\nHost: localhost\r\n${headers}\r\n${body}`;
}

function at(path: string): string {
  return post(LENGTH, BODY, path);
}

/** Two parsers may see different requests in these (smuggling). */
const FRAMING: readonly HostileRow[] = [
  ["the same Content-Length twice", post(LENGTH + LENGTH), OURS, OURS],
  ["two Content-Lengths", post(`${LENGTH}Content-Length: 3\r\n`), OURS, OURS],
  ["a list of lengths", post(`Content-Length: ${SIZE}, ${SIZE}\r\n`), "400", OURS],
  ["a negative length", post("Content-Length: -5\r\n", ""), "400", OURS],
  ["a signed length", post(`Content-Length: +${SIZE}\r\n`), "400", OURS],
  ["a hexadecimal length", post(`Content-Length: 0x${SIZE.toString(16)}\r\n`), "400", OURS],
  ["a length of 20 digits", post("Content-Length: 99999999999999999999\r\n", ""), "400", OURS],
  ["an empty length", post("Content-Length: \r\n", ""), OURS, OURS],
  ["a length with a space in it", post("Content-Length: 6 6\r\n"), "400", OURS],
  ["Host twice", post(`Host: localhost\r\n${LENGTH}`), OURS, OURS],
  ["no Host", `POST ${PATH} HTTP/1.1\r\n${LENGTH}\r\n${BODY}`, "400", OURS],
  ["Content-Length and chunks", post(LENGTH + CHUNKED, CHUNK + LAST), "400", OURS],
  ["Transfer-Encoding twice", post(CHUNKED + CHUNKED, CHUNK + LAST), OURS, OURS],
  ["Transfer-Encoding: identity", post("Transfer-Encoding: identity\r\n"), "400", OURS],
  ["gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", CHUNK + LAST), OURS, OURS],
  ["xchunked", post("Transfer-Encoding: xchunked\r\n", CHUNK + LAST), OURS, OURS],
  ["a space before the colon", post("Transfer-Encoding : chunked\r\n", CHUNK + LAST), "none", OURS],
  ["a folded header", post(`X-A: b\r\n c\r\n${LENGTH}`), "none", OURS],
  ["lines that end in LF", `POST ${PATH} HTTP/1.1\nHost: localhost\n\n`, "505", OURS],
  ["NUL in a header", post(`X-A: b\0c\r\n${LENGTH}`), "none", OURS],
  ["CR in a header", post(`X-A: b\rc\r\n${LENGTH}`), "none", OURS],
  ["X-Api-Key twice", post(`${LENGTH}X-Api-Key: a\r\nX-Api-Key: b\r\n`), OURS, OURS],
  ["a chunk of 2^64-1 bytes", post(CHUNKED, `FFFFFFFFFFFFFFFF\r\n${BODY}`), "400", "none"],
  ["a negative chunk", post(CHUNKED, `-1\r\n${BODY}`), "400", "none"],
  ["a chunk size with 0x", post(CHUNKED, `0x${CHUNK}${LAST}`), "400", "none"],
  [
    "a chunk extension of 100 kB",
    post(CHUNKED, `${SIZE.toString(16)};${"a".repeat(100_000)}\r\n${BODY}\r\n${LAST}`),
    "400",
    "none",
  ],
];

/** Bombs of heads, and versions. */
const HEADS: readonly HostileRow[] = [
  [
    "200 headers",
    post(Array.from({ length: 200 }, (_, i) => `X-${i}: a\r\n`).join("") + LENGTH),
    "none",
    "200",
  ],
  ["an expectation that nobody knows", post(`Expect: a-miracle\r\n${LENGTH}`), "200", "200"],
  ["HTTP/1.2", post(LENGTH, BODY, PATH, "HTTP/1.2"), "505", OURS],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", OURS],
  [
    "chunks of one byte",
    post(CHUNKED, [...BODY].map((byte) => `1\r\n${byte}\r\n`).join("") + LAST),
    "200",
    "200",
  ],
];

const PATHS: readonly HostileRow[] = [
  "/v2/models/dou%00ble/infer",
  "/v2/models/double%0a/infer",
  "/v2/models/double%0d%0aX-A:%20b/infer",
  "/v2/models/%7f/infer",
  "/v2/models/a%2fb/infer",
  "/v2/models/..%2f..%2fetc/infer",
  "/v2/models/%zz/infer",
  "/v2/models/%c0%af/infer",
  "/v2/models/%2564ouble/infer",
  "/v2/models/__proto__/infer",
  `/v2/models/${"a".repeat(7000)}/infer`,
  "/v2/models/double/versions/__proto__/infer",
  "/v2/models/double/versions/constructor/infer",
  "/v2/models/double/versions/%00/infer",
].map((path) => [`the path ${path.slice(0, 60)}`, at(path), OURS, OURS]);

const LOOKALIKES: readonly HostileRow[] = [
  ["the model constructor", at("/v2/models/constructor/infer"), OURS, OURS],
  [
    "the model hasOwnProperty",
    at("/v2/models/hasOwnProperty/infer"),
    "404 model-not-found",
    "404 model-not-found",
  ],
  [
    "dots in the path",
    at("/v2/models/../../etc/infer"),
    "404 route-not-found",
    "404 route-not-found",
  ],
  ["NUL in the path", at("/v2/models/dou\0ble/infer"), "505", OURS],
  ["a tab in the path", at("/v2/models/dou\tble/infer"), "505", OURS],
];

function json(body: string): string {
  return post(`Content-Length: ${Buffer.byteLength(body)}\r\n`, body);
}

const TENSOR = '{"name":"x","shape":[1],"datatype":"FP32","data":[3]}';

function nested(open: string, middle: string, close: string, depth = 100_000): string {
  return open.repeat(depth) + middle + close.repeat(depth);
}

const BODIES: readonly HostileRow[] = (
  [
    ["100,000 open brackets", "[".repeat(100_000), OURS],
    ["deep inputs", `{"inputs":${nested("[", "", "]")}}`, OURS],
    [
      "deep data",
      `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":${nested("[", "3", "]")}}]}`,
      OURS,
    ],
    ["deep parameters", `{"parameters":${nested('{"a":', "1", "}")},"inputs":[${TENSOR}]}`, OURS],
    ["__proto__ beside inputs", `{"__proto__":{"polluted":1},"inputs":[${TENSOR}]}`, "200"],
    [
      "__proto__ and constructor as parameters",
      `{"parameters":{"__proto__":"a","constructor":1,"polluted":"b"},"inputs":[${TENSOR}]}`,
      "200",
    ],
    ["a tensor __proto__", `{"inputs":[${TENSOR.replace('"x"', '"__proto__"')}]}`, OURS],
    ["a tensor constructor", `{"inputs":[${TENSOR.replace('"x"', '"constructor"')}]}`, OURS],
    ["an output __proto__", `{"inputs":[${TENSOR}],"outputs":[{"name":"__proto__"}]}`, OURS],
    ["a datatype __proto__", `{"inputs":[${TENSOR.replace("FP32", "__proto__")}]}`, OURS],
    [
      "an object as __proto__",
      `{"inputs":[${TENSOR.replace("}", ',"parameters":{"__proto__":{"polluted":1}}}')}]}`,
      OURS,
    ],
    [
      "a number of 100,000 digits",
      `{"inputs":[${TENSOR.replace("[3]", `[${"9".repeat(100_000)}]`)}]}`,
      OURS,
    ],
    [
      "a shape past 2^53",
      `{"inputs":[${TENSOR.replace("[1]", "[9007199254740991,9007199254740991]")}]}`,
      OURS,
    ],
    [
      "2,000 inputs",
      `{"inputs":[${Array.from({ length: 2000 }, (_, i) => TENSOR.replace('"x"', `"x${i}"`)).join()}]}`,
      OURS,
    ],
    ["inputs twice", `{"inputs":[],"inputs":[${TENSOR}]}`, OURS],
    ["no body", "", OURS],
  ] as const
).map(([what, body, ending]) => [what, json(body), ending, ending]);

export const HOSTILE_ROWS: readonly HostileRow[] = [
  ...FRAMING,
  ...HEADS,
  ...PATHS,
  ...LOOKALIKES,
  ...BODIES,
];
