import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHttpClient } from "../../../protocols/client/http-client.ts";
import type { InferenceClient } from "../../../protocols/client/inference-client.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { openStore, publishTiny } from "../publish-tiny.ts";
import { type ServeProcess, startServe, until } from "../serve-process.ts";
import { askInJson } from "./ask-json.ts";
import type { OnnxCase } from "./onnx-case.ts";
import { describeDifference } from "./tensor-match.ts";

export type Wire = "json" | "binary";

/** What became of one case at a server; every reason is what a user would read. */
export type CaseAnswer =
  /** No publisher takes it, or no vetting lets it in. */
  | { readonly kind: "refused"; readonly by: "publish" | "vet"; readonly reason: string }
  /** It serves. By wire: null for the expected answer, else what was wrong. */
  | { readonly kind: "answered"; readonly wrong: Readonly<Record<Wire, string | null>> };

/** Models that one server has at a time. */
const BATCH = 120;
const CLIENT = { apiKey: null, timeoutMs: 60_000, maxSockets: 2, binary: true };

/**
 * Publishes every case, serves it with `sluice serve`, and asks its question in JSON and in binary.
 * @returns by case name
 */
export async function serveCases(
  cases: readonly OnnxCase[],
  serveArgs: readonly string[],
): Promise<ReadonlyMap<string, CaseAnswer>> {
  const answers = new Map<string, CaseAnswer>();
  for (let from = 0; from < cases.length; from += BATCH) {
    await serveBatch(cases.slice(from, from + BATCH), serveArgs, answers);
  }
  return answers;
}

async function serveBatch(
  cases: readonly OnnxCase[],
  serveArgs: readonly string[],
  answers: Map<string, CaseAnswer>,
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "sluice-conformance-"));
  try {
    const published = await publishCases(cases, join(home, "models"), answers);
    const server = await startServe(home, ["--log-level", "error", ...serveArgs]);
    try {
      await askAll(server, published, answers);
    } finally {
      server.kill("SIGTERM");
      await server.ended;
    }
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function publishCases(
  cases: readonly OnnxCase[],
  repository: string,
  answers: Map<string, CaseAnswer>,
): Promise<readonly OnnxCase[]> {
  const store = openStore(repository);
  const published: OnnxCase[] = [];
  for (const each of cases) {
    try {
      await publishTiny(store, each.name, each.model);
      published.push(each);
    } catch (thrown) {
      answers.set(each.name, { kind: "refused", by: "publish", reason: messageOf(thrown) });
    }
  }
  return published;
}

interface IndexRow {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
}

async function askAll(
  server: ServeProcess,
  cases: readonly OnnxCase[],
  answers: Map<string, CaseAnswer>,
): Promise<void> {
  const rows = await settledRows(server, cases.length);
  const client = createHttpClient(server.httpUrl, CLIENT);
  for (const each of cases) {
    const row = rows.get(each.name);
    if (row?.state !== "READY") {
      answers.set(each.name, { kind: "refused", by: "vet", reason: row?.reason ?? "" });
      continue;
    }
    const wrong = {
      json: await wrongOf(each, askInJson(server.httpUrl, each)),
      binary: await wrongOf(each, askInBinary(client, each)),
    };
    answers.set(each.name, { kind: "answered", wrong });
  }
  await client.close();
}

/** Each batch gets as long as `until` waits, from the last version that settled. */
async function settledRows(
  server: ServeProcess,
  count: number,
): Promise<ReadonlyMap<string, IndexRow>> {
  const settled = new Map<string, IndexRow>();
  while (settled.size < count) {
    const before = settled.size;
    await until("another version served or refused", async () => {
      const reply = await fetch(`${server.httpUrl}/v2/repository/index`, { method: "POST" });
      for (const row of (await reply.json()) as readonly IndexRow[]) {
        if (row.state === "READY" || row.state === "UNAVAILABLE") settled.set(row.name, row);
      }
      return settled.size > before || settled.size === count;
    });
  }
  return settled;
}

async function askInBinary(client: InferenceClient, each: OnnxCase): Promise<readonly Tensor[]> {
  const outputs = each.outputs.map(({ name }) => name);
  const answer = await client.infer({ name: each.name, version: null }, { ...each, outputs });
  return answer.outputs;
}

async function wrongOf(each: OnnxCase, answer: Promise<readonly Tensor[]>): Promise<string | null> {
  try {
    return describeDifference(await answer, each.outputs);
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
