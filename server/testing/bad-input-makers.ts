import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publishModel } from "../../pipelines/publish/publish.ts";
import { sha256Hex } from "../../protocols/repository/documents.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { badOpModel, externalDataModel, identityModel, scaleModel } from "./tiny-models.ts";

/** Makes the bytes that the cases of bad-input-files.ts name. */

interface BadFile {
  /** By name; `m.onnx` is what is published. */
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** More arguments of `sluice publish`. */
  readonly args?: readonly string[];
  /** Spoils the index of a repository that has `m` version 1. */
  index?(text: string): string;
}

const GOOD = { "m.onnx": scaleModel(3) };

function model(bytes: Uint8Array | string): BadFile {
  return { files: { "m.onnx": bytes } };
}

// biome-ignore lint/suspicious/noExplicitAny: a test spoils the document wherever it likes.
type AnyJson = any;

function index(change: (value: AnyJson) => void): BadFile {
  return {
    files: GOOD,
    index: (text) => {
      const value: AnyJson = JSON.parse(text);
      change(value);
      return JSON.stringify(value);
    },
  };
}

/** By the name that a case gives. */
export const BAD_FILES: Readonly<Record<string, BadFile>> = {
  absent: { files: {} },
  empty: model(""),
  zip: model("PK\u0003\u0004 and more"),
  lfs: model("version https://git-lfs.github.com/spec/v1\n"),
  cut: model(scaleModel(3).subarray(0, 60)),
  external: model(externalDataModel()),
  breaking: model(identityModel("FP32")),
  golden: { files: { ...GOOD, "g.jsonl": '{"inputs":[]}\n' }, args: ["--golden", "g.jsonl"] },
  "index-text": { files: GOOD, index: () => '{"schemaVersion": 1, "gen' },
  "index-key": index((value) => {
    value.owner = "me";
  }),
  "index-schema": index((value) => {
    value.schemaVersion = 2;
  }),
  "index-alias": index((value) => {
    value.models.m.aliases.champion = 9;
  }),
  "index-removed": index((value) => {
    value.removed = ["m"];
  }),
  "index-name": index((value) => {
    value.models["../m"] = value.models.m;
  }),
};

type MakeBadVersion = (repository: string, name: string) => Promise<void>;

const folderOf = (repository: string, name: string) =>
  join(repository, "models", name, "versions", "1");

/** Publishes a good version in a repository of its own, spoils it, then shows it to the server. */
function spoiled(spoil: (folder: string) => void, isRehashed = false): MakeBadVersion {
  return async (repository, name) => {
    const aside = `${repository}-${name}`;
    await publishTiny(openStore(aside), name, scaleModel(2));
    const folder = folderOf(aside, name);
    spoil(folder);
    const manifest = join(folder, "manifest.json");
    const shown = JSON.parse(readFileSync(join(aside, "index.json"), "utf8")).models[name];
    if (isRehashed) shown.versions[1].manifestSha256 = sha256Hex(readFileSync(manifest));
    mkdirSync(join(folderOf(repository, name), ".."), { recursive: true });
    cpSync(folder, folderOf(repository, name), { recursive: true });
    const path = join(repository, "index.json");
    const value = JSON.parse(readFileSync(path, "utf8"));
    value.generation += 1;
    value.models[name] = shown;
    writeFileSync(path, JSON.stringify(value));
    rmSync(aside, { recursive: true });
  };
}

function badManifest(change: (value: AnyJson) => void): MakeBadVersion {
  return spoiled((folder) => {
    const path = join(folder, "manifest.json");
    const value: AnyJson = JSON.parse(readFileSync(path, "utf8"));
    change(value);
    writeFileSync(path, JSON.stringify(value));
  }, true);
}

function published(bytes: Uint8Array, golden: string | null = null): MakeBadVersion {
  return async (repository, modelName) => {
    await publishModel({
      store: openStore(repository),
      modelName,
      modelBytes: bytes,
      goldenBytes: golden === null ? null : Buffer.from(golden),
      alias: "champion",
      breaking: false,
      lineage: {},
      pause: () => Promise.resolve(),
    });
  };
}

const ROW = '"datatype":"FP32","shape":[1,4],"data"';
const WRONG_GOLDEN = `{"inputs":[{"name":"x",${ROW}:[1,2,3,4]}]}
{"model_name":"m","outputs":[{"name":"y",${ROW}:[2,4,6,9]}]}
`;

/** Puts `name` version 1 into the repository, bad as the case says. */
export const BAD_VERSIONS: Readonly<Record<string, MakeBadVersion>> = {
  operator: published(badOpModel()),
  bf16: published(identityModel("BF16")),
  "wrong-golden": published(scaleModel(2), WRONG_GOLDEN),
  "manifest-absent": spoiled((folder) => rmSync(join(folder, "manifest.json"))),
  "manifest-hash": spoiled((folder) => writeFileSync(join(folder, "manifest.json"), "{}")),
  "manifest-other": badManifest((value) => {
    value.version = 2;
  }),
  "manifest-key": badManifest((value) => {
    value.owner = "me";
  }),
  "manifest-path": badManifest((value) => {
    value.files[0].path = "../model.onnx";
  }),
  "file-size": spoiled((folder) => writeFileSync(join(folder, "model.onnx"), "short")),
  "file-bytes": spoiled((folder) => {
    const path = join(folder, "model.onnx");
    const bytes = readFileSync(path);
    bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }),
  "manifest-signature": badManifest((value) => {
    value.signature.inputs[0].shape = [-1, 5];
  }),
};
