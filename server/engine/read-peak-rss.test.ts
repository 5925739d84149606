import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findPeakRssBytes, readPeakRssBytes } from "./read-peak-rss.ts";

const find = (status: string, statm: string) =>
  findPeakRssBytes((file) => (file === "status" ? status : statm));

describe("the largest resident size of a process", () => {
  it("is what the kernel kept, else the size now, else its pages", () => {
    const name = "Name:\tnode\nVmPeak:\t 99999 kB\n";
    const now = "VmRSS:\t    1000 kB\nRssAnon:\t     10 kB\n";
    const pages = "900 250 100 1 0 50 0\n";
    assert.equal(find(`${name}VmHWM:\t    2000 kB\n${now}`, pages), 2000 * 1024);
    assert.equal(find(`${name}${now}`, pages), 1000 * 1024);
    assert.equal(find(name, pages), 250 * 4096);
    assert.equal(find("", pages), 250 * 4096);
    assert.equal(find("", ""), 0);
  });

  it("is that of a process that runs, and nothing of one that does not", (t) => {
    assert.equal(readPeakRssBytes(undefined), 0);
    if (process.platform !== "linux") return t.skip("no /proc");
    // No process of Node.js is smaller.
    assert.ok(readPeakRssBytes(process.pid) > 2 ** 24);
  });
});
