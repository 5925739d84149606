import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import type { AzureCredentials } from "../../protocols/repository/azure-container.ts";
import { createStore } from "./create-store.ts";
import { readLineage } from "./lineage.ts";
import { publishModel } from "./publish.ts";
import { PublishRefusal } from "./refusal.ts";
import { removeModel } from "./remove.ts";
import { rollbackModel } from "./rollback.ts";
import { wakeServers } from "./wake-servers.ts";

/** What `sluice publish` was asked to do. */
export interface PublishArgs {
  /** The model.onnx. */
  readonly file: string;
  readonly model: string;
  /** null: champion. */
  readonly alias: string | null;
  readonly isBreaking: boolean;
  /** File of requests with their answers; null for none. */
  readonly golden: string | null;
}

export interface PublishPlaces {
  readonly modelRepository: string;
  /** null: servers find the version by polling. */
  readonly redisUrl: string | null;
}

/** What these commands touch of the process. */
export interface PublishIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Relative paths start here. */
  readonly cwd: string;
}

const noPause = () => Promise.resolve();

/**
 * `sluice publish`: prints one line and returns the exit code. Rejects as publishModel does, and
 * with PublishRefusal for a file that cannot be read.
 */
export async function runPublish(
  args: PublishArgs,
  places: PublishPlaces,
  azure: AzureCredentials,
  io: PublishIo,
  pause: (point: string) => Promise<void> = noPause,
): Promise<number> {
  const path = resolve(io.cwd, args.file);
  const alias = args.alias ?? DEFAULT_ALIAS;
  const { version, generation, replaced } = await publishModel({
    store: createStore(places.modelRepository, azure),
    modelName: args.model,
    modelBytes: await read(args.file, io),
    goldenBytes: args.golden === null ? null : await read(args.golden, io),
    alias,
    breaking: args.isBreaking,
    lineage: await readLineage(path),
    pause,
  });
  const was = replaced === null ? "" : `, was ${replaced}`;
  io.stdout.write(
    `published ${args.model} version ${version} (${alias}${was}), generation ${generation}\n`,
  );
  await wake(places, io);
  return 0;
}

/** `sluice rollback`: prints one line and returns the exit code. Rejects as rollbackModel does. */
export async function runRollback(
  model: string,
  places: PublishPlaces,
  azure: AzureCredentials,
  io: PublishIo,
): Promise<number> {
  const store = createStore(places.modelRepository, azure);
  const { version, replaced, generation } = await rollbackModel(store, model);
  io.stdout.write(
    `rolled back ${model} to version ${version} (champion, was ${replaced}), generation ${generation}\n`,
  );
  await wake(places, io);
  return 0;
}

/** `sluice remove`: prints one line and returns the exit code. Rejects as removeModel does. */
export async function runRemove(
  model: string,
  places: PublishPlaces,
  azure: AzureCredentials,
  io: PublishIo,
): Promise<number> {
  const generation = await removeModel(createStore(places.modelRepository, azure), model);
  io.stdout.write(`removed ${model}, generation ${generation}\n`);
  await wake(places, io);
  return 0;
}

async function read(file: string, io: PublishIo): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PublishRefusal(`${file}: cannot be read (${code ?? "unknown error"})`);
  }
}

async function wake({ redisUrl, modelRepository }: PublishPlaces, io: PublishIo): Promise<void> {
  if (redisUrl === null) return;
  const why = await wakeServers(redisUrl, modelRepository);
  if (why !== null) {
    io.stderr.write(`sluice: Redis could not be told (${why}); servers will find it by polling\n`);
  }
}
