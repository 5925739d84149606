import {
  CONFIG_FILE,
  parseTritonConfig,
  type TritonConfig,
  type TritonVersionPolicy,
} from "../../protocols/repository/triton/model-config.ts";
import { TritonConfigError } from "../../protocols/repository/triton/text-fields.ts";
import type { PlainModel } from "./plain-layout.ts";
import { ReadError, type RepositoryReader, type SourceLog } from "./repository-reader.ts";

/** A model's config.pbtxt as last read. */
export interface PlainConfig {
  /** null: there is none. */
  readonly stamp: string | null;
  /** The last one that could be read: a slip in the file must not unload anything. */
  readonly policy: TritonVersionPolicy;
  readonly config: TritonConfig | null;
  /** Why it cannot be followed, until it changes. */
  readonly refusal: string | null;
  /** Why it could not be read at this try; the next reading tries again. */
  readonly unread: ReadError | null;
}

const LATEST_ONE: TritonVersionPolicy = { kind: "latest", count: 1 };
const NO_CONFIG: PlainConfig = {
  ...{ stamp: null, policy: LATEST_ONE, config: null, refusal: null, unread: null },
};
/** Differs from every stamp: what is recalled is read anew. */
const RECALLED = "";
const MAX_CONFIG_BYTES = 1024 * 1024;

/** The config.pbtxt of every model, each read when it has changed and stands still. */
export class PlainConfigs {
  readonly #reader: RepositoryReader;
  readonly #log: SourceLog;
  readonly #known = new Map<string, PlainConfig>();
  /** By model, what was last said of a file that cannot be read: once is enough. */
  readonly #said = new Map<string, string>();

  constructor(reader: RepositoryReader, log: SourceLog) {
    this.#reader = reader;
    this.#log = log;
  }

  /** Takes the policy as known: it was when this server last ran. */
  remember(model: string, policy: TritonVersionPolicy): void {
    this.#known.set(model, { ...NO_CONFIG, stamp: RECALLED, policy });
  }

  /**
   * The configuration that holds now; null: none is known yet. Until the file stands still it is the
   * one before: half a file may parse, as something else.
   * Rejects with ReadError when it cannot be read and no policy is known.
   */
  async read(
    model: PlainModel,
    isStill: boolean,
    signal: AbortSignal,
  ): Promise<PlainConfig | null> {
    const known = this.#known.get(model.name) ?? null;
    if (!isStill || known?.stamp === (model.config?.stamp ?? null)) return known;
    try {
      const read = await this.#read(model, known?.policy ?? LATEST_ONE, signal);
      this.#known.set(model.name, read);
      this.#said.delete(model.name);
      this.#tell(model.name, read);
      return read;
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof ReadError)) throw thrown;
      this.#tellUnread(model.name, thrown.message);
      if (known === null) throw thrown;
      return { ...known, unread: thrown };
    }
  }

  async #read(
    { name, config }: PlainModel,
    policy: TritonVersionPolicy,
    signal: AbortSignal,
  ): Promise<PlainConfig> {
    if (config === null) return NO_CONFIG;
    const snapshot = await this.#reader.readIfChanged(config.path, null, MAX_CONFIG_BYTES, signal);
    const text = new TextDecoder().decode(snapshot?.bytes ?? new Uint8Array(0));
    return readConfigText(name, config.stamp, text, policy);
  }

  #tell(model: string, { config, refusal }: PlainConfig): void {
    const log = this.#log;
    if (refusal !== null) log.warn({ model, reason: refusal }, `${CONFIG_FILE} cannot be followed`);
    const notHonoured = config?.notHonoured ?? [];
    if (notHonoured.length > 0)
      log.warn({ model, notHonoured }, `${CONFIG_FILE} is not followed in all`);
  }

  #tellUnread(model: string, reason: string): void {
    if (this.#said.get(model) === reason) return;
    this.#said.set(model, reason);
    this.#log.warn({ model, reason }, `${CONFIG_FILE} cannot be read; what is loaded stays`);
  }
}

function readConfigText(
  model: string,
  stamp: string,
  text: string,
  policy: TritonVersionPolicy,
): PlainConfig {
  try {
    const config = parseTritonConfig(model, text);
    return { stamp, policy: config.versionPolicy, config, refusal: null, unread: null };
  } catch (thrown) {
    if (!(thrown instanceof TritonConfigError)) throw thrown;
    return { stamp, policy, config: null, refusal: thrown.message, unread: null };
  }
}
