import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { explainIncompatibility, type Signature } from "../../protocols/core/signature.ts";
import { parseManifest } from "../../protocols/repository/documents.ts";
import { describeFailure } from "../lib/describe-failure.ts";
import type { Loader, VetReport, Vetter } from "./loader.ts";
import { VetRefusal } from "./loader.ts";
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
  readonly nowMs: () => number;
  readonly maxQueue: number;
  readonly maxBatchRows: number;
  /** Told the whole of a failure, for the log; the version's status holds a short form. */
  readonly onFailure: (id: ServableId, thrown: unknown) => void;
  /** Stops here for ever in kill tests; does nothing otherwise. */
  readonly pause: (point: string) => Promise<void>;
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
   * changes.
   * @param replaced signature of the version that this one takes over from, null for none
   * @param onStep called after each change of state
   */
  async bring(
    record: VersionRecord<Channel>,
    replaced: Signature | null,
    onStep: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, vetter, nowMs, pause } = this.#parts;
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
      await assertReplaceable(local, report, replaced);
      signal.throwIfAborted();
      enter("loading");
      await pause("loading");
      record.servable = await this.#load(record, local, report, () => {
        if (record.state === "loading") enter("warming");
      });
      record.report = report;
      if (record.state === "loading") enter("warming");
      await pause("publishing");
      enter("ready", local.hints?.note ?? null);
    } catch (thrown) {
      // The server stops: nothing failed, and nobody will ask again.
      if (signal.aborted) return;
      this.#parts.onFailure(record.id, thrown);
      record.fail(describeFailure(thrown), thrown instanceof VetRefusal, nowMs());
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
