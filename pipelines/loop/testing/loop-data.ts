import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LabelRecord, PredictionRecord } from "../../../protocols/capture/capture-record.ts";

/** The small world of the loop's tests: flights of a day, a model of their delay, what servers captured. */

export const MODEL = "late";
export const ROWS_A_DAY = 300;
/** The day with which there are enough rows to train on. */
export const TRAINING_DAYS = 4;
export const ROWS_A_CAPTURE = 200;
export const WEBHOOK_SECRET = `whsec_${Buffer.from("the loop's own test secret").toString("base64")}`;

const ORIGINS = ["ATL", "JFK", "PHX", "SEA"] as const;
const ROWS_A_RECORD = 50;
const DAY_MS = 86_400_000;
const FIRST_DAY_MS = Date.UTC(2026, 0, 1);

export interface ProjectOptions {
  readonly webhookUrl: string;
  /** More YAML, at the end. */
  readonly more?: string;
}

export function projectText({ webhookUrl, more = "" }: ProjectOptions): string {
  return `schemaVersion: 1
project: loop
feeds:
  departures:
    dataset: departures
    everySecs: 86400
    connector: { kind: files, path: "days/*.csv", format: csv }
datasets:
  departures: { time: at, key: [id], contract: { inferFrom: 2 } }
models:
  ${MODEL}:
    dataset: departures
    target: late
    task: binary
    features: [hour, distance, origin]
    minRows: ${ROWS_A_DAY * TRAINING_DAYS}
    trainer: { kind: gradientBoosting, trees: 8, maxLeaves: 4, learningRate: 0.3 }
    evaluation: { bootstrapRounds: 50 }
    monitor: { windowRows: ${ROWS_A_CAPTURE}, performance: { maxDrop: 0.9, coverage: 0.1 } }
    score: { into: late-predictions }
outlets:
  late: { kind: feed, dataset: late-predictions }
  late-push: { kind: webhook, dataset: late-predictions, url: "${webhookUrl}", secret: { env: HOOK_SECRET }, batchRows: 120 }
${more}`;
}

/** Days are numbered from 1; ids run on over the days. */
export function dayText(day: number): string {
  const random = generator(day);
  const rows = Array.from({ length: ROWS_A_DAY }, (_, index) => {
    const id = (day - 1) * ROWS_A_DAY + index + 1;
    const at = new Date(FIRST_DAY_MS + (day - 1) * DAY_MS + index * 60_000).toISOString();
    const { hour, distance, origin } = flight(random);
    const chance = hour >= 17 ? 0.85 : 0.1;
    return `${id},${at},${hour},${distance},${origin},${random() < chance}`;
  });
  return `id,at,hour,distance,origin,late\n${rows.join("\n")}\n`;
}

export function dayFile(day: number): string {
  return `2026-01-${String(day).padStart(2, "0")}.csv`;
}

/** A closed capture file of version 1, with a label for every second row. */
export function captureText(number: number): string {
  const random = generator(1000 + number);
  const lines: string[] = [];
  for (let record = 0; record < ROWS_A_CAPTURE / ROWS_A_RECORD; record += 1) {
    const inferenceId = `inference-${number}-${record}`;
    lines.push(JSON.stringify(predictionOf(inferenceId, random)));
    for (let row = 0; row < ROWS_A_RECORD; row += 2) {
      lines.push(JSON.stringify(labelOf(inferenceId, row, random() < 0.3)));
    }
  }
  return `${lines.join("\n")}\n`;
}

export function captureFile(number: number): string {
  return `${String(FIRST_DAY_MS + number).padStart(13, "0")}-test-000001.ndjson`;
}

/** As a careful producer does it: under its name when whole. */
export function putFile(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, content);
  renameSync(`${path}.part`, path);
}

function predictionOf(inferenceId: string, random: () => number): PredictionRecord {
  const flights = Array.from({ length: ROWS_A_RECORD }, () => flight(random));
  const shape = [ROWS_A_RECORD, 1];
  return {
    kind: "prediction",
    inferenceId,
    atMs: Date.now(),
    model: MODEL,
    version: 1,
    principal: null,
    inputs: [
      { name: "hour", datatype: "FP64", shape, data: flights.map(({ hour }) => hour) },
      { name: "distance", datatype: "FP64", shape, data: flights.map((each) => each.distance) },
      { name: "origin", datatype: "BYTES", shape, data: flights.map(({ origin }) => origin) },
    ],
    outputs: [{ name: "probability", datatype: "FP64", shape, data: flights.map(() => random()) }],
  };
}

function labelOf(inferenceId: string, row: number, label: boolean): LabelRecord {
  return { kind: "label", model: MODEL, inferenceId, row, label, atMs: Date.now() };
}

function flight(random: () => number): { hour: number; distance: number; origin: string } {
  return {
    hour: Math.floor(random() * 24),
    distance: 100 + Math.floor(random() * 2000),
    origin: ORIGINS[Math.floor(random() * ORIGINS.length)] ?? "ATL",
  };
}

/** mulberry32 (public domain, T. Ettinger). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
