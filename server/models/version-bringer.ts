import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { explainIncompatibility, type Signature } from "../../protocols/core/signature.ts";
import { parseManifest } from "../../protocols/repository/documents.ts";
import { describeFailure } from "../lib/describe-failure.ts";
import type { Loader, VetReport, Vetter } from "./loader.ts";
import { VetRefusal } from "./loader.ts";
import { NoRoom } from "./memory-room.ts";
import type { ServableId, ServableInfo } from "./servable.ts";
import type { LocalVersion, Source } from "./source.ts";
import type { LoadedServable, VersionRecord } from "./version-record.ts";

/** Gives out rows of the shared counters, one for each loaded version. */
export interface SlotAllocator {
  /** @throws Error when none is free */
  take(): number;
  free(slot: number): void;
}

export interface BringerParts<Channel> {
  readonly source: Source;
  readonly vetter: Vetter;
  readonly loader: Loader<Channel>;
  readonly slots: SlotAllocator;
  readonly weightBytesOf: (version: LocalVersion) => Promise<number>;
  readonly maxQueue: number;
  readonly maxBatchRows: number;
  /** Told the whole of a failure, for the log; the version's status holds a short form. */
  readonly onFailure: (id: ServableId, thrown: unknown) => void;
  /** Stops here for ever in kill tests; does nothing otherwise. */
  readonly pause: (point: string) => Promise<void>;
}

/** One version on its way. */
export interface BringOrder<Channel> {
  readonly record: VersionRecord<Channel>;
  /** Signature of the version that this one takes over from, null for none. */
  readonly replaced: Signature | null;
  /** Called after each change of state. */
  readonly onStep: () => void;
  /** Called once it is vetted, before it loads. Rejects with NoRoom, or with why it may never load. */
  readonly makeRoom: () => Promise<void>;
}

const PLATFORM = "onnx_onnxv1";

/** Takes one version from absent to ready: fetch, vet, compare, load, warm. */
export class VersionBringer<Channel> {
  readonly #parts: BringerParts<Channel>;
  #loads = 0;

  constructor(parts: BringerParts<Channel>) {
    this.#parts = parts;
  }

  /**
   * Never rejects: a failure ends in the record's `failed` state with its reason, and nothing else
   * changes. Where there is no room it ends in `unloaded`.
   */
  async bring(order: BringOrder<Channel>, signal: AbortSignal): Promise<void> {
    const { record, replaced, onStep, makeRoom } = order;
    const { source, vetter, loader, weightBytesOf, pause } = this.#parts;
    const enter = (
      state: "downloading" | "verified" | "vetting" | "loading" | "warming" | "ready",
      note: string | null = null,
    ) => {
      record.enter(state, note);
      onStep();
    };
    try {
      enter("downloading");
      const { model, version } = record.id;
      const local = await source.fetch(model, version, record.manifestSha256, signal);
      signal.throwIfAborted();
      enter("verified");
      enter("vetting");
      await pause("vetting");
      const report = await vetter.vet(local, signal);
      record.report = report;
      await assertReplaceable(local, report, replaced);
      record.fileBytes ??= await weightBytesOf(local);
      record.costBytes ??= loader.costBytes(record.fileBytes, report);
      signal.throwIfAborted();
      await makeRoom();
      signal.throwIfAborted();
      enter("loading");
      await pause("loading");
      record.servable = await this.#load(record, local, report, () => {
        if (record.state === "loading") enter("warming");
      });
      if (record.state === "loading") enter("warming");
      await pause("publishing");
      enter("ready", local.hints?.note ?? null);
    } catch (thrown) {
      // The server stops: nothing failed, and nobody will ask again.
      if (signal.aborted) return;
      if (thrown instanceof NoRoom) {
        record.enter("unloaded", thrown.message);
        if (thrown.isOnRequest) record.putOff(thrown.message);
      } else {
        this.#parts.onFailure(record.id, thrown);
        record.fail(describeFailure(thrown), thrown instanceof VetRefusal);
      }
      onStep();
    }
  }

  forget(servable: LoadedServable<Channel>): void {
    this.#parts.slots.free(servable.info.slot);
  }

  async #load(
    record: VersionRecord<Channel>,
    local: LocalVersion,
    report: VetReport,
    onWarming: () => void,
  ): Promise<LoadedServable<Channel>> {
    const { loader, slots, maxQueue } = this.#parts;
    const maxBatchRows = batchRowsOf(local, this.#parts.maxBatchRows);
    this.#loads += 1;
    const { id } = record;
    const slot = slots.take();
    const info: ServableInfo = {
      key: `${id.model}/${id.version}#${this.#loads}`,
      id,
      platform: PLATFORM,
      signature: report.signature,
      batching: report.isBatchable && maxBatchRows > 0 ? { maxRows: maxBatchRows } : null,
      maxQueue,
      slot,
    };
    try {
      const loaded = await loader.load(
        { key: info.key, id, version: local, report, maxBatchRows: Math.max(1, maxBatchRows) },
        onWarming,
      );
      return { info, loaded };
    } catch (thrown) {
      slots.free(slot);
      throw thrown;
    }
  }
}

/** The repository may ask for smaller batches than the server's setting, not for larger ones. */
function batchRowsOf({ hints }: LocalVersion, setting: number): number {
  return Math.min(hints?.maxBatchRows ?? setting, setting);
}

/** A version that could break the clients of the one that it replaces needs the publisher's word. */
async function assertReplaceable(
  local: LocalVersion,
  report: VetReport,
  replaced: Signature | null,
): Promise<void> {
  if (replaced === null) return;
  const why = explainIncompatibility(replaced, report.signature);
  if (why === null) return;
  const manifest = parseManifest(
    "manifest.json",
    await readFile(join(local.directory, "manifest.json")),
  );
  if (manifest.breaking) return;
  throw new VetRefusal(
    `its signature breaks clients of the serving version: ${why}; publish with --breaking`,
  );
}
