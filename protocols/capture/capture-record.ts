import type { Datatype } from "../core/datatype.ts";

/**
 * What a server writes about the predictions that it made and the labels that it was told, one JSON
 * object a line, in files `<n>.ndjson` of the capture folder (a file still being written ends in
 * `.open`) or one field `record` an entry of a Redis stream. Readers take both kinds of record.
 */

/** Values in row-major order; a missing value is null; INT64 and UINT64 beyond 2^53 are decimal strings. */
export interface CapturedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly (number | string | boolean | null)[];
}

/** One answered inference request; its rows are the first dimension of every tensor. */
export interface PredictionRecord {
  readonly kind: "prediction";
  readonly inferenceId: string;
  /** Epoch milliseconds at which the answer was ready. */
  readonly atMs: number;
  readonly model: string;
  readonly version: number;
  /** Who asked: the key's name, null without authentication. */
  readonly principal: string | null;
  readonly inputs: readonly CapturedTensor[];
  readonly outputs: readonly CapturedTensor[];
}

/** The truth about one row of one prediction, told later; the last one told counts. */
export interface LabelRecord {
  readonly kind: "label";
  readonly model: string;
  readonly inferenceId: string;
  /** Row of the request, from 0. */
  readonly row: number;
  readonly label: number | string | boolean;
  /** Epoch milliseconds at which it was told. */
  readonly atMs: number;
}

export type CaptureRecord = PredictionRecord | LabelRecord;

/** Files of the capture folder, in the order of writing; `.open` is left to the writer. */
export const CAPTURE_FILE = /^[0-9]{13}-[A-Za-z0-9]+-[0-9]{6}\.ndjson$/;
export const OPEN_SUFFIX = ".open";
