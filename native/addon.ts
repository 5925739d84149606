/**
 * The addon as TypeScript sees it: a thin layer over ONNX Runtime's C API (native/src). It knows
 * sessions, runs and numbers, and nothing of models, versions or protocols.
 *
 * Threads: every function may be called on any thread of the process. A session is one for all
 * threads; a line belongs to the thread that opened it. Nothing here blocks its caller but `runNow`.
 * Handles are type-tagged: another object in their place is a TypeError, never a crash.
 */

/** ONNX's numbering (TensorProto.DataType), which the runtime uses too. */
export const ELEMENT_TYPES = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
} as const;

export interface NativeTensorInfo {
  readonly name: string;
  /** One of ELEMENT_TYPES; 0 for what is no tensor of these, which can be neither given nor asked for. */
  readonly elementType: number;
  /** -1 stands for a free dimension. */
  readonly shape: readonly number[];
}

export interface NativeSignature {
  readonly inputs: readonly NativeTensorInfo[];
  readonly outputs: readonly NativeTensorInfo[];
}

/** Elements of one tensor: FP16 and BF16 as Uint16Array, BOOL as Uint8Array, BYTES as strings (any character, NUL too). */
export type NativeData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

export interface NativeSessionOptions {
  /** A file in a folder of our own: external data is resolved beside it. */
  readonly modelPath: string;
  /**
   * Threads inside one run, the calling one included; 1: none but that. They do not spin. Sessions that
   * ask for as many as the first one of the process share a pool; others, and all where
   * onnxruntime-node was there first, have threads of their own.
   */
  readonly intraOpThreads: number;
  /** Threads of the session that take submitted jobs. */
  readonly engineThreads: number;
  /** Most rows that submitted jobs are stacked to; 0: never stacked. */
  readonly maxBatchRows: number;
}

/** Valid in every thread of the process until closed; never used again. */
export type NativeSessionId = number;

declare const lineBrand: unique symbol;
/** A session as one thread uses it. */
export interface NativeLine {
  readonly [lineBrand]: true;
}

/**
 * Why a job has no outputs. `refused`: the graph said no, see `message`. `overloaded`: it would have
 * waited too long for its deadline. `cancelled`: so was every job of its run. `closed`: its session was closed or its run ended from outside.
 */
export type NativeJobStatus =
  | "done"
  | "refused"
  | "overloaded"
  | "deadline-exceeded"
  | "cancelled"
  | "closed";

export interface NativeAnswer {
  readonly jobId: number;
  readonly status: NativeJobStatus;
  /** The runtime's own words, unfiltered; null when done. */
  readonly message: string | null;
  /** From `submit` to the start of the run; where `overloaded`, how long that was predicted to be. */
  readonly queueMs: number;
  readonly computeMs: number;
  /** Rows of the run that this job was part of; 1 for a job without rows, 0 where there was no run. */
  readonly batchRows: number;
  /** In the order asked for; empty unless done. */
  readonly outputs: readonly NativeOutput[];
}

export interface NativeOutput {
  /** Small ones are views of one buffer that other answers share: copy before a transfer. */
  readonly data: NativeData;
  /** Frozen. */
  readonly shape: readonly number[];
}

/**
 * The cells of `timing`, microseconds. `runNow` writes the first two, also where the graph refused or
 * the run was ended, and reads the third: a run that lasts longer is ended. 0: no limit.
 */
export const TIMING = { wallUs: 0, cpuUs: 1, limitUs: 2, cells: 3 } as const;

export interface NativeAddon {
  /** Of the loaded library, such as "1.30.0". On the main thread, loading it adds an "exit" listener that ends what runs. */
  readonly runtimeVersion: string;

  /**
   * Loads a graph on a thread of its own, at low priority. Rejects with the runtime's words.
   * Frees: `closeSession`.
   */
  openSession(options: NativeSessionOptions): Promise<NativeSessionId>;
  signatureOf(session: NativeSessionId): NativeSignature;
  /**
   * No job is taken from now on; those that wait end as `closed`. Resolves when no run is left and
   * the memory is back with the system. Runs that last longer than `graceMs` are told to end.
   */
  closeSession(session: NativeSessionId, graceMs: number): Promise<void>;

  /**
   * Opens the session for the calling thread. `onAnswers` hears of submitted jobs, several at once,
   * in no order. `timing` has TIMING.cells cells. Ends with `disconnect` or with the thread, which may
   * end at any time: what it had in flight is dropped, after the runs that read its memory have ended.
   * Without `disconnect` the line, and what `onAnswers` refers to, stay until the thread ends.
   */
  connect(
    session: NativeSessionId,
    onAnswers: (answers: readonly NativeAnswer[]) => void,
    timing: Float64Array,
  ): NativeLine;
  disconnect(line: NativeLine): void;

  /**
   * One run on the calling thread, of one job or of several stacked along dimension 0.
   * @param inputs job by job, and in each the session's inputs in order: `jobs * inputs` entries
   * @param shapes per input of the session, the shape of the whole stack
   * @param outputs indexes of the wanted outputs, in the order wanted
   * @returns the outputs of the whole stack; their memory belongs to the caller
   * @throws Error with the runtime's words when the graph refuses, when the run outlasted `timing`'s
   *   limit, or when the session is closed;
   *   TypeError for arguments that are not as declared here
   */
  runNow(
    line: NativeLine,
    inputs: readonly NativeData[],
    shapes: readonly (readonly number[])[],
    outputs: readonly number[],
  ): readonly NativeOutput[];

  /**
   * Queues one job for the session's threads. Waiting jobs of equal shapes (beyond dimension 0) and
   * outputs are stacked up to maxBatchRows, those that are due first first, while all of them stay in
   * time by what runs were seen to cost. The inputs must not be changed or detached until the answer
   * comes.
   * @param timeoutMs from now; Infinity for none. A job whose predicted wait and run take most of it is
   *   answered at once as `overloaded`, unless the session is idle. One that is past it, or could not
   *   be done in time any more, is not run (but now and then one is, should the prediction be wrong).
   *   A run of which every job is past it is told to end.
   * @param priority from 1, the most urgent, to 16; 2 is the usual. Each level is worth two seconds of
   *   waiting: a job passes those of the next level that came up to so much before it, and no older ones.
   */
  submit(
    line: NativeLine,
    jobId: number,
    inputs: readonly NativeData[],
    shapes: readonly (readonly number[])[],
    outputs: readonly number[],
    timeoutMs: number,
    priority: number,
  ): void;

  /**
   * Nobody waits for the job any more. One that has not begun is withdrawn: true, and no answer comes. Else
   * false, and its answer comes; a run of which every job was cancelled is told to end.
   */
  cancel(line: NativeLine, jobId: number): boolean;

  /**
   * Whether `submit` would answer `overloaded` now, whatever the job: asked before a request is
   * decoded. By the same rule, for a job of one row of the cheapest kind that the session has learned;
   * where only a cheaper kind could be let in, now and then as if there were one, because a kind is
   * learned by its runs. Looks at the queue as it is, so that nothing can be out of date.
   * @param timeoutMs as `submit` takes it
   * @returns how long that job is predicted to wait, milliseconds; 0: `submit` decides. Always 0 where
   *   the session is idle, closed, or the timeout is Infinity
   */
  predictOverload(line: NativeLine, timeoutMs: number): number;

  /**
   * Reads the JSON array `bytes[start, end)` of numbers, flat or nested exactly like `shape`, into
   * `out`. False for anything that is not plainly that (null, a wrong count, bad syntax, out of
   * range); `out` holds rubbish then, and the caller reads again with the scanner that explains.
   */
  scanNumbers(
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: readonly number[],
    out: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array,
  ): boolean;

  /**
   * Writes values as a flat JSON array, the shortest text that reads back to the same value.
   * @returns bytes written, or -1 when `out` is too small or a value is not finite
   */
  writeNumbers(values: Float32Array | Float64Array, out: Uint8Array): number;
}
