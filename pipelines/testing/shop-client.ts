import type { WebhookReceiver } from "../outlets/testing/webhook-receiver.ts";
import { verifyWebhook } from "../outlets/verify-webhook.ts";
import type { Order } from "./orders.ts";
import type { Outcome } from "./outcomes-api.ts";
import type { Row } from "./shop-database.ts";

/** One row of an answered request, and the truth about it. */
export interface Answered {
  readonly inferenceId: string;
  readonly position: number;
  readonly probability: number;
  readonly order: Order;
}

export interface Served {
  readonly version: string;
  readonly answered: readonly Answered[];
}

interface InferAnswer {
  readonly model_version: string;
  readonly parameters: { readonly inference_id: string };
  readonly outputs: readonly { readonly name: string; readonly data: readonly number[] }[];
}

/** One request about all of them; missing values travel as null. Rejects for any status but 200. */
export async function askAbout(modelUrl: string, orders: readonly Order[]): Promise<Served> {
  const input = (name: string, datatype: string, of: (order: Order) => unknown) => ({
    name,
    datatype,
    shape: [orders.length, 1],
    data: orders.map(of),
  });
  const inputs = [
    input("country", "BYTES", (order) => order.country),
    input("channel", "BYTES", (order) => order.channel),
    input("weight_kg", "FP32", (order) => order.weightKg),
    input("items", "FP32", (order) => order.items),
  ];
  const answer = (await post(`${modelUrl}/infer`, { inputs })) as InferAnswer;
  const output = answer.outputs.find(({ name }) => name === "probability");
  if (output?.data.length !== orders.length) throw new Error("not one probability an order");
  const inferenceId = answer.parameters.inference_id;
  const answered = orders.map((order, position) => ({
    inferenceId,
    position,
    probability: output.data[position] ?? Number.NaN,
    order,
  }));
  return { version: answer.model_version, answered };
}

/** Through POST /v2/models/{m}/labels; how many were accepted. */
export async function tellLabels(modelUrl: string, answered: readonly Answered[]): Promise<number> {
  const labels = answered.map(({ inferenceId, position, order }) => ({
    inference_id: inferenceId,
    row: position,
    label: order.late,
  }));
  const { accepted } = (await post(`${modelUrl}/labels`, { labels })) as { accepted: number };
  return accepted;
}

export function toOutcomes(answered: readonly Answered[], firstId: number): Outcome[] {
  return answered.map(({ inferenceId, position, order }, index) => ({
    outcome_id: firstId + index,
    inference_id: inferenceId,
    position,
    late: order.late,
    told_at: new Date().toISOString(),
  }));
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Every row of a polled feed from its beginning, in small pages. */
export async function pollAll(feedUrl: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let query = "?limit=250"; ; ) {
    const response = await fetch(`${feedUrl}${query}`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${feedUrl}: ${response.status} ${text}`);
    rows.push(
      ...text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Row),
    );
    if (response.headers.get("sluice-has-more") !== "true") return rows;
    query = `?limit=250&cursor=${response.headers.get("sluice-next-cursor")}`;
  }
}

/** What a careful receiver believes: verified, and each message once. */
export function believedRows(webhook: WebhookReceiver, secret: string): readonly Row[] {
  const byId = new Map<string, readonly Row[]>();
  for (const { headers, body } of webhook.received) {
    const id = verifyWebhook(secret, headers, body, Date.now() / 1000);
    byId.set(id, (JSON.parse(body) as { rows: readonly Row[] }).rows);
  }
  return [...byId.values()].flat();
}
