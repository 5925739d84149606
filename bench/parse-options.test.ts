import assert from "node:assert/strict";
import { test } from "node:test";
import type { BenchOptions } from "./options.ts";
import { EndedByParser, UsageError } from "./parse-command.ts";
import { parseOptions } from "./parse-options.ts";

const URL_MODEL = ["--url", "http://127.0.0.1:8000", "--model", "m"];

function parse(...argv: string[]): BenchOptions {
  const silent = { write: () => undefined };
  return parseOptions(argv, { stdout: silent, stderr: silent });
}

test("defaults are a closed loop of 8 connections over JSON for 10 s after 2 s", () => {
  const options = parse(...URL_MODEL);
  assert.deepEqual(options.protocols, ["http-json"]);
  assert.deepEqual(
    [options.connections, options.ratePerSec, options.durationMs, options.warmupMs],
    [8, null, 10_000, 2000],
  );
  assert.deepEqual([options.verify, options.baseline, options.apiKey], [true, null, null]);
});

test("scenarios have times of their own, quick ones shorter, and flags win over both", () => {
  const timesOf = ({ connections, durationMs, warmupMs, pairs }: BenchOptions) => [
    ...[connections, durationMs, warmupMs, pairs],
  ];
  assert.deepEqual(timesOf(parse("--scenario", "all")), [32, 4000, 1000, 5]);
  assert.deepEqual(timesOf(parse("--scenario", "all", "--quick")), [4, 400, 150, 1]);
  const told = parse("--scenario", "a,b,a", "--quick", "--duration-secs", "7", "--pairs", "3");
  assert.deepEqual(timesOf(told), [4, 7000, 150, 3]);
  assert.deepEqual([told.scenarios, told.pins, told.protocols.length], [["a", "b"], true, 4]);
  assert.equal(parse(...URL_MODEL, "--no-pin").pins, false);
  assert.deepEqual(parse("--set-up-peers", "all").peersToSetUp, []);
});

test("lists, shapes and switches are understood", () => {
  const options = parse(
    ...URL_MODEL,
    ...["--protocol", "websocket,http-binary", "--rate", "2.5", "--warmup-secs", "0"],
    ...["--shape", "x=1,4", "--shape", "sr=", "--no-verify", "--version", "champion"],
  );
  assert.deepEqual(options.protocols, ["http-binary", "websocket"]);
  assert.deepEqual(
    [...options.shapes.entries()],
    [
      ["x", [1, 4]],
      ["sr", []],
    ],
  );
  assert.deepEqual([options.ratePerSec, options.warmupMs, options.verify], [2.5, 0, false]);
  assert.equal(options.version, "champion");
});

test("what cannot be run is a usage error that says what to add or leave out", () => {
  const cases: [string[], RegExp][] = [
    [[], /--model NAME/],
    [["--model", "m"], /http-json needs --url/],
    [[...URL_MODEL, "--protocol", "grpc"], /grpc needs --grpc/],
    [["--model", "m", "--url", "127.0.0.1:8000"], /expected http:\/\/host:port/],
    [[...URL_MODEL, "--model-file", "mlp"], /add --baseline/],
    [["--baseline", "fastify"], /needs --model-file/],
    [["--baseline", "fastify", "--model-file", "mlp", "--url", "http://x"], /leave out --url/],
    [["--baseline", "direct", "--model-file", "mlp", "--api-key", "k"], /leave out --api-key/],
    [["--baseline", "direct", "--model-file", "mlp", "--rate", "9"], /closed loop/],
    [["--scenario", "all", "--url", "http://x"], /own models; leave out --url/],
    [["--scenario", "all", "--model-file", "mlp"], /leave out --model-file/],
    [["--scenario", "all", "--rate", "9"], /leave out --rate/],
    [[...URL_MODEL, "--peers", "all"], /add --scenario/],
  ];
  for (const [argv, expected] of cases) {
    assert.throws(
      () => parse(...argv),
      (thrown) => thrown instanceof UsageError && expected.test(thrown.message),
      argv.join(" "),
    );
  }
});

test("a value that is none ends with 2 and a text that names the flag and what was expected", () => {
  const cases: [string[], RegExp][] = [
    [["--connections", "0"], /--connections.*whole number above 0/],
    [["--rate", "-1"], /--rate.*number above 0/],
    [["--duration-secs", "abc"], /--duration-secs.*number above 0/],
    [["--warmup-secs", "-1"], /--warmup-secs.*0 or above/],
    [["--protocol", "http"], /got 'http'/],
    [["--shape", "x"], /x=1,4/],
    [["--baseline", "express"], /fastify, direct/],
    [["--nonsense"], /unknown option '--nonsense'/],
    [["extra"], /too many arguments|excess/i],
  ];
  for (const [argv, expected] of cases) {
    let text = "";
    const io = {
      stdout: { write: () => undefined },
      stderr: { write: (t: string) => (text += t) },
    };
    assert.throws(
      () => parseOptions([...URL_MODEL, ...argv], io),
      (thrown) => thrown instanceof EndedByParser && thrown.exitCode === 2,
    );
    assert.match(text, expected);
  }
});

test("--help goes to stdout and ends with 0", () => {
  let text = "";
  const io = { stdout: { write: (t: string) => (text += t) }, stderr: { write: () => undefined } };
  assert.throws(
    () => parseOptions(["--help"], io),
    (thrown) => thrown instanceof EndedByParser && thrown.exitCode === 0,
  );
  assert.match(text, /coordinated omission/);
  assert.match(text, /--model-file mlp --baseline fastify/);
});
