import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createDeferred } from "../lib/deferred.ts";
import { DirectoryReader } from "./directory-reader.ts";

describe("DirectoryReader", () => {
  let base: string;
  let root: string;
  let reader: DirectoryReader;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "sluice-reader-"));
    root = join(base, "repository");
    await mkdir(root);
    await writeFile(join(base, "secret"), "secret");
    await writeFile(join(root, "plain"), "plain");
    reader = new DirectoryReader(root);
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  const read = (path: string) => reader.readRange(path, 0, new Uint8Array(100), null);

  it("follows links that stay inside, also in a root that is a link", async () => {
    await symlink("plain", join(root, "link"));
    await symlink(root, join(base, "alias"));
    reader = new DirectoryReader(join(base, "alias"));
    assert.equal(Buffer.from((await read("link")).bytes).toString(), "plain");
  });

  it("refuses links that lead out, by file or by folder", async () => {
    await symlink(join(base, "secret"), join(root, "file"));
    await symlink("..", join(root, "folder"));
    await assert.rejects(read("file"), /file: is a link that leads out of the repository/);
    await assert.rejects(read("folder/secret"), /leads out of the repository/);
    await assert.rejects(reader.readIfChanged("file", null, 100), /leads out/);
  });

  it("does not take a sibling whose name begins like the root for its inside", async () => {
    await mkdir(`${root}-other`);
    await writeFile(join(`${root}-other`, "x"), "x");
    await symlink(join(`${root}-other`, "x"), join(root, "link"));
    await assert.rejects(read("link"), /leads out/);
  });

  it("refuses what is no regular file without waiting for it", async () => {
    await mkdir(join(root, "folder"));
    execFileSync("mkfifo", [join(root, "fifo")]);
    await assert.rejects(read("folder"), /folder: (is not a regular file|EISDIR)/);
    await assert.rejects(read("fifo"), /fifo: is not a regular file/);
  });

  it("refuses a document over the limit", async () => {
    await assert.rejects(reader.readIfChanged("plain", null, 4), /plain: has 5 bytes, more than 4/);
  });

  it("tells that a file was replaced between two ranges", async () => {
    const { etag } = await reader.readRange("plain", 0, new Uint8Array(2), null);
    await writeFile(join(root, "next"), "other");
    await rename(join(root, "next"), join(root, "plain"));
    await assert.rejects(reader.readRange("plain", 2, new Uint8Array(2), etag), {
      kind: "changed",
    });
  });

  const listed = async () =>
    (await reader.listFiles(new AbortController().signal)).map(({ path }) => path).sort();
  const putFile = async (path: string) => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), "x");
  };
  /** Root may read everything; what it must not do here is done as nobody. */
  const asNobody = async <T>(act: () => Promise<T>): Promise<T> => {
    if (process.geteuid?.() !== 0) return act();
    await chmod(base, 0o755);
    process.seteuid?.(65_534);
    try {
      return await act();
    } finally {
      process.seteuid?.(0);
    }
  };

  it("does not look into folders that are no model's: a disk's lost+found may not be read", async () => {
    await putFile("m/1/model.onnx");
    await mkdir(join(root, "lost+found"), { mode: 0o000 });
    assert.deepEqual(await asNobody(listed), ["m/1/model.onnx", "plain"]);
  });

  it("leaves out a model that may not be read whole, and that one only", async () => {
    await putFile("m/1/model.onnx");
    await putFile("n/1/model.onnx");
    await putFile("n/2/model.onnx");
    await chmod(join(root, "n/2"), 0o000);
    assert.deepEqual(await asNobody(listed), ["m/1/model.onnx", "plain"]);
    await chmod(join(root, "n/2"), 0o755);
    await mkdir(join(root, "7"), { mode: 0o000 });
    await assert.rejects(asNobody(listed), { name: "ReadError", message: "7: EACCES" });
  });

  it("takes for gone what is gone, and rejects for what cannot be known", async () => {
    await putFile("m/1/model.onnx");
    await symlink("nowhere", join(root, "m/1/dangling"));
    await symlink("circle", join(root, "m/1/circle"));
    assert.deepEqual(await listed(), ["m/1/model.onnx", "plain"]);
    // Stands for any failure but "not there": a name too long to look up.
    await symlink("x".repeat(300), join(root, "m/1/long"));
    await assert.rejects(listed(), { name: "ReadError", message: "m/1/long: ENAMETOOLONG" });
  });

  it("wakes when the index is replaced; stopping twice is harmless", async () => {
    const woken = createDeferred<void>();
    const stop = reader.watch(() => woken.resolve());
    await writeFile(join(root, "index.json.tmp"), "{}");
    await rename(join(root, "index.json.tmp"), join(root, "index.json"));
    await woken.promise;
    stop();
    stop();
  });

  it("watches a folder that is not there yet", async () => {
    const late = join(base, "late");
    const woken = createDeferred<void>();
    const alive = setInterval(() => undefined, 1000);
    const stop = new DirectoryReader(late).watch(() => woken.resolve());
    await mkdir(late);
    await woken.promise;
    stop();
    clearInterval(alive);
  });
});
