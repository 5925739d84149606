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

  it("is that of a process that runs, and nothing of one that does not", () => {
    assert.equal(readPeakRssBytes(undefined), 0);
    const bytes = readPeakRssBytes(process.pid);
    // No process of Node.js is smaller; elsewhere than on Linux there is no /proc.
    if (process.platform === "linux") assert.ok(bytes > 2 ** 24);
    else assert.equal(bytes, 0);
  });
});
