import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { sha256Hex } from "../../protocols/repository/documents.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../testing/fault-proxy.ts";
import { AzureBlobReader } from "./azure-blob-reader.ts";
import { RANGE_BYTES } from "./download-file.ts";
import { RepositorySource } from "./repository-source.ts";
import {
  createAzureFixture,
  createHome,
  indexOf,
  putIndex,
  putVersion,
  type RepositoryFixture,
  UNBOUNDED,
} from "./testing/repository-fixture.ts";

const never = new AbortController().signal;
const quiet = { info: () => undefined, warn: () => undefined };
/** Of the faults that hang; all else may take as long as a busy machine wants. */
const STALL_MS = 1000;
const KIB_100 = 100 * 1024;
const model = randomBytes(2 * RANGE_BYTES + 1000);

interface Row {
  readonly fault: Fault;
  /** What the poll, or the download of the second range, rejects with. */
  readonly poll: RegExp;
  readonly download: RegExp;
}

const status = (
  code: number,
  name: string | null,
  retryAfterSecs: number | null = null,
): Fault => ({
  kind: "status",
  status: code,
  code: name,
  retryAfterSecs,
  date: null,
});

/** The library does not see a line break that comes right after the head: it looks like a stall. */
const BROKEN = /no answer \(\w+\)$|no byte came for 1000 ms$/;
/** Faults after which no byte comes, or may not be seen to come. */
const HANGS: ReadonlySet<Fault["kind"]> = new Set([
  ...(["hang-head", "hang-body", "reset-body", "cut-body"] as const),
]);
const FOREIGN =
  /the answer is none of the storage service's \(\w+; a proxy or gateway in between\?\)$/;

/** Each fault hits every try; `download` is of the model's second range. */
const ROWS: Readonly<Record<string, Row>> = {
  "503 ServerBusy": both(status(503, "ServerBusy"), /HTTP 503 ServerBusy$/),
  "500 InternalError": both(status(500, "InternalError"), /HTTP 500 InternalError$/),
  "500 OperationTimedOut": both(status(500, "OperationTimedOut"), /HTTP 500 OperationTimedOut$/),
  "502 of a gateway": both(status(502, null), /HTTP 502$/),
  "429 without Retry-After": both(status(429, "TooManyRequests"), /HTTP 429 TooManyRequests$/),
  "403, right missing": both(
    status(403, "AuthorizationPermissionMismatch"),
    /without the right to read; give it the role Storage Blob Data Reader/,
  ),
  "403, credential refused": both(
    status(403, "AuthenticationFailed"),
    /HTTP 403 AuthenticationFailed: the key, SAS or token is wrong, revoked or expired$/,
  ),
  "403 of a gateway": both(status(403, null), /HTTP 403: denied, perhaps by a gateway/),
  "401, token of another tenant": both(
    status(401, "InvalidAuthenticationInfo"),
    /the token is of another tenant or for another service$/,
  ),
  "no answer": both({ kind: "hang-head" }, /no byte came for 1000 ms$/),
  "a body that hangs": both({ kind: "hang-body", afterBytes: 5 }, /no byte came for 1000 ms$/),
  "a reset before the head": both({ kind: "reset-head" }, /no answer \(\w+\)$/),
  "a reset in the body": both({ kind: "reset-body", afterBytes: 5 }, BROKEN),
  "a body that is cut off": both({ kind: "cut-body", afterBytes: 5 }, BROKEN),
  "a web page": both({ kind: "html" }, FOREIGN),
  "a Content-Length that is too small": {
    fault: { kind: "short-length", share: 0.5 },
    poll: /index\.json: expected JSON, got \d+ bytes that do not parse/,
    download: /no answer \(CUT_OFF\)$/,
  },
};

function both(fault: Fault, message: RegExp): Row {
  return { fault, poll: message, download: message };
}

describe("a source before which Azure Blob Storage fails", () => {
  let fixture: RepositoryFixture;
  let proxy: FaultProxy;
  let home: Awaited<ReturnType<typeof createHome>>;
  let version: { readonly manifestSha256: string };
  let location: string;

  before(async () => {
    fixture = await createAzureFixture();
    const { origin, pathname } = new URL(fixture.location);
    proxy = await startFaultProxy(origin);
    location = `${proxy.url}${pathname}`;
    version = await putVersion(fixture, "m", 1, { "model.onnx": model });
    await putIndex(fixture, indexOf(1, { m: { 1: version.manifestSha256 } }));
  });
  after(async () => {
    await proxy.close();
    await fixture.close();
  });
  beforeEach(async () => {
    home = await createHome();
    proxy.use(() => null);
  });
  afterEach(() => home.close());

  const start = (fault: Fault | null = null) =>
    new RepositorySource({
      reader: new AzureBlobReader(
        location,
        credentials(),
        fault !== null && HANGS.has(fault.kind) ? { stallMs: STALL_MS } : {},
      ),
      home: home.path,
      ...UNBOUNDED,
      location,
      pause: async () => undefined,
      log: quiet,
    });
  // The account's key signs paths, not hosts: it holds through the proxy.
  const credentials = () => fixture.azure;
  const fetch = (source: RepositorySource) => source.fetch("m", 1, version.manifestSha256, never);
  const onSecondRange = (fault: Fault) => {
    proxy.use(({ rangeStart }) => (rangeStart >= RANGE_BYTES ? fault : null));
  };

  for (const [name, row] of Object.entries(ROWS)) {
    it(`${name}: the index`, async () => {
      const source = start(row.fault);
      proxy.use(() => row.fault);
      await assert.rejects(source.poll(never), row.poll);
      assert.equal(await source.lastKnown(), null);
      proxy.use(() => null);
      assert.equal((await source.poll(never))?.generation, 1);
    });

    it(`${name}: a model; what came before is not fetched again`, async () => {
      onSecondRange(row.fault);
      await assert.rejects(fetch(start(row.fault)), row.download);
      proxy.use(() => null);
      const before = proxy.requests.length;
      const { directory } = await fetch(start());
      assert.ok(model.equals(await readFile(join(directory, "model.onnx"))));
      const ranges = proxy.requests.slice(before).filter(({ path }) => path.includes("model.onnx"));
      assert.ok(ranges.length > 0);
      for (const { rangeStart } of ranges) assert.ok(rangeStart >= RANGE_BYTES);
    });
  }

  it("what came before the line broke is kept to the byte, where it is worth a request", async () => {
    const source = start();
    let isBroken = false;
    proxy.use(({ rangeStart }) => {
      if (rangeStart !== RANGE_BYTES || isBroken) return null;
      isBroken = true;
      return { kind: "reset-body", afterBytes: KIB_100 };
    });
    await fetch(source);
    const starts = proxy.requests.map(({ rangeStart }) => rangeStart);
    assert.ok(starts.some((at) => at > RANGE_BYTES && at < 2 * RANGE_BYTES));
  });

  it("three tries a call, no more; none where trying cannot help", async () => {
    const source = start();
    for (const [fault, tries] of [
      [status(503, "ServerBusy"), 3],
      [{ kind: "reset-head" } as const, 3],
      [status(403, "AuthenticationFailed"), 1],
      [status(412, "ConditionNotMet"), 1],
    ] as const) {
      proxy.use(() => fault);
      const before = proxy.requests.length;
      await assert.rejects(source.poll(never));
      assert.equal(proxy.requests.length - before, tries);
    }
  });

  it("Retry-After: the service is left alone until then", async () => {
    for (const code of [429, 503]) {
      const source = start();
      proxy.use(() => status(code, "ServerBusy", 1));
      const before = proxy.requests.length;
      await assert.rejects(source.poll(never), new RegExp(`HTTP ${code} ServerBusy$`));
      proxy.use(() => null);
      await assert.rejects(
        source.poll(never),
        /the service asked to wait 1 s more \(Retry-After\)$/,
      );
      assert.equal(proxy.requests.length, before + 1);
      assert.equal(await generationAfterWait(source, () => proxy.requests.length), 1);
    }
  });

  it("a blob that is another one between two ranges (412) is begun again, never mixed", async () => {
    const source = start();
    onSecondRange(status(412, "ConditionNotMet"));
    await assert.rejects(fetch(source), /model\.onnx: changed while it was read \(HTTP 412/);
    await assert.rejects(stat(join(home.path, "cache", `.tmp-${version.manifestSha256}`)));
    proxy.use(() => null);
    await fetch(source);
  });

  it("an ETag that changes with each answer is never mixed either", async () => {
    const source = start();
    proxy.use(({ path }) =>
      path.includes("model.onnx") ? { kind: "header", name: "etag", value: '"other"' } : null,
    );
    await assert.rejects(fetch(source), /model\.onnx: changed while it was read/);
    proxy.use(() => null);
    await fetch(source);
  });

  it("a flipped byte on the way is refused by its hash, and fetched again whole", async () => {
    const source = start();
    onSecondRange({ kind: "flip-byte", at: 7 });
    await assert.rejects(
      fetch(source),
      new RegExp(`model\\.onnx: expected sha256 ${sha256Hex(model)}, got [0-9a-f]{64}$`),
    );
    proxy.use(() => null);
    await fetch(source);
  });

  it("a manifest of another hash, or a page in its place, is refused", async () => {
    const source = start();
    for (const [fault, message] of [
      [{ kind: "flip-byte", at: 7 }, /manifest\.json: expected sha256 [0-9a-f]{64} \(index/],
      [{ kind: "html" }, FOREIGN],
    ] as const) {
      proxy.use(({ path }) => (path.includes("manifest.json") ? fault : null));
      await assert.rejects(fetch(source), message);
    }
    proxy.use(() => null);
    await fetch(source);
  });

  it("a service whose clock is another says so", async () => {
    const source = start();
    const denied = { kind: "status", status: 403, code: "AuthenticationFailed" } as const;
    const late = new Date(Date.now() - 1_200_000).toUTCString();
    proxy.use(() => ({ ...denied, retryAfterSecs: null, date: late }));
    await assert.rejects(
      source.poll(never),
      /this machine's clock is 1[12]\d\d s ahead of the service's/,
    );
  });
});

/** Asks until the source asks the service again; up to then it may not have reached it. */
async function generationAfterWait(
  source: RepositorySource,
  requestCount: () => number,
): Promise<number | undefined> {
  const before = requestCount();
  for (;;) {
    try {
      return (await source.poll(new AbortController().signal))?.generation;
    } catch (thrown) {
      assert.match(String(thrown), /\(Retry-After\)$/);
      assert.equal(requestCount(), before);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
