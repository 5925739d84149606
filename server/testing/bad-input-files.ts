/**
 * Bad input that comes as files and settings: models, manifests, the index, the configuration. Beside
 * bad-input-cases.ts, for the same table and the same test.
 */

export interface FileCase {
  readonly what: string;
  /** Which bytes the test makes for it; see the test. */
  readonly file: string;
  /** `publish` refuses it at the command line; `serve` finds it in the repository. */
  readonly door: "sluice publish" | "repository";
  /** `exit 1`, or the state of the version in the index. */
  readonly answer: string;
  /** Hashes are normalised to `<sha256>`. */
  readonly message: string;
}

function published(what: string, file: string, message: string): FileCase {
  return { what, file, door: "sluice publish", answer: "exit 1", message };
}

function found(what: string, file: string, message: string): FileCase {
  return { what, file, door: "repository", answer: "UNAVAILABLE", message };
}

export const MODEL_CASES: readonly FileCase[] = [
  published("no file", "absent", "m.onnx: cannot be read (ENOENT)"),
  published("an empty file", "empty", "expected an ONNX model, got an empty file"),
  published(
    "a zip archive",
    "zip",
    "expected an ONNX model, got a zip archive (a PyTorch or Keras file? export it to ONNX first)",
  ),
  published(
    "a Git LFS pointer",
    "lfs",
    "expected an ONNX model, got a Git LFS pointer (run `git lfs pull`)",
  ),
  published(
    "a file that is cut off",
    "cut",
    "not a readable ONNX model (60 bytes, stopped at byte 18): cut off at byte 60",
  ),
  published(
    "weights in another file",
    "external",
    "the model keeps weights in other files; save it as one file (onnx.save with save_as_external_data=False)",
  ),
  published(
    "another signature than the champion's",
    "breaking",
    "clients of 'm' version 1 (champion) could break: input 'x' had shape [-1,4] and now has [-1,3]; publish with --breaking if they may",
  ),
  published(
    "golden requests that do not parse",
    "golden",
    "golden file: expected pairs of lines, got 1 lines",
  ),
  found(
    "an operator of another domain",
    "operator",
    "operator com.example::Nope is of a domain that is not allowed; allowed: ai.onnx, ai.onnx.ml, com.microsoft",
  ),
  found(
    "a datatype that the engine has not",
    "bf16",
    "'x' is BF16, which this engine cannot carry",
  ),
  found(
    "answers that are not the golden ones",
    "wrong-golden",
    "golden request 1: output 'y' is not what the trainer got",
  ),
];

export const MANIFEST_CASES: readonly FileCase[] = [
  published(
    "index: no JSON",
    "index-text",
    "index.json: expected JSON, got 25 bytes that do not parse",
  ),
  published(
    "index: an unknown key",
    "index-key",
    "index.json: the document has the unknown key 'owner'",
  ),
  published(
    "index: another schemaVersion",
    "index-schema",
    "index.json: schemaVersion must be 1, got 2",
  ),
  published(
    "index: an alias that leads nowhere",
    "index-alias",
    "index.json: models.m.aliases.champion points at version 9, which models.m.versions lacks",
  ),
  published(
    "index: a model both there and removed",
    "index-removed",
    "index.json: 'm' stands in both models and removed",
  ),
  published(
    "index: a name that is none",
    "index-name",
    "index.json: models holds '../m', which is not a legal model name",
  ),
  found(
    "no manifest",
    "manifest-absent",
    "models/manifest-absent/versions/1/manifest.json: is not there",
  ),
  found(
    "another manifest than the index says",
    "manifest-hash",
    "models/manifest-hash/versions/1/manifest.json: expected sha256 <sha256> (index.json), got <sha256>",
  ),
  found(
    "the manifest of another version",
    "manifest-other",
    "models/manifest-other/versions/1/manifest.json: is the manifest of manifest-other version 2",
  ),
  found(
    "manifest: an unknown key",
    "manifest-key",
    "models/manifest-key/versions/1/manifest.json: the document has the unknown key 'owner'",
  ),
  found(
    "manifest: a file outside the version",
    "manifest-path",
    'models/manifest-path/versions/1/manifest.json: files.0.path must match pattern "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", got "../model.onnx"',
  ),
  found(
    "a file of another size",
    "file-size",
    "models/file-size/versions/1/model.onnx: expected 122 bytes, got 5",
  ),
  found(
    "a file with other bytes",
    "file-bytes",
    "models/file-bytes/versions/1/model.onnx: expected sha256 <sha256>, got <sha256>",
  ),
  found(
    "a signature that the graph has not",
    "manifest-signature",
    'the manifest declares {"inputs":[{"name":"x","datatype":"FP32","shape":[-1,5]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,4]}]}, but the graph has {"inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,4]}]}',
  ),
];

export interface ConfigCase {
  readonly what: string;
  readonly door: "flag" | "environment" | "server.yaml" | "files";
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
  /** Contents of keys.json. */
  readonly keys?: string;
  /** Always `exit 2`. */
  readonly answer: "exit 2";
  /** The folder of the test is normalised to `<folder>`. */
  readonly message: string;
}

function config(
  what: string,
  door: ConfigCase["door"],
  given: Partial<ConfigCase>,
  message: string,
): ConfigCase {
  return { what, door, answer: "exit 2", message, ...given };
}

export const CONFIG_CASES: readonly ConfigCase[] = [
  config(
    "an unknown flag",
    "flag",
    { args: ["--htp-port", "1"] },
    "unknown option '--htp-port' (Did you mean --http-port?)",
  ),
  config(
    "a flag without its value",
    "flag",
    { args: ["--http-port"] },
    "option '--http-port <value>' argument missing",
  ),
  config(
    "out of range",
    "flag",
    { args: ["--http-port", "70000"] },
    'httpPort (from --http-port) must be an integer from 0 to 65535, got "70000"',
  ),
  config(
    "none of the words",
    "flag",
    { args: ["--model-control-mode", "pol"] },
    "modelControlMode (from --model-control-mode) must be one of none, poll, explicit, got \"pol\" (did you mean 'poll'?)",
  ),
  config(
    "two listeners on one port",
    "flag",
    { args: ["--http-port", "9", "--grpc-port", "9"] },
    "grpcPort and httpPort are both 9; ports must differ",
  ),
  config(
    "open to the network without keys",
    "flag",
    { args: ["--host", "0.0.0.0"] },
    "host 0.0.0.0 can be reached from other machines and there are no keys: make one with 'sluice keys create --home <folder>/.sluice --role admin --name NAME', or bind 127.0.0.1, or pass --insecure",
  ),
  config(
    "a model to load in poll mode",
    "flag",
    { args: ["--load-model", "m"] },
    "loadModel is only for modelControlMode explicit, which is poll",
  ),
  config(
    "a repository URL of another kind",
    "flag",
    { args: ["--model-repository", "s3://bucket"] },
    'modelRepository (from --model-repository) must be a folder or an https:// container URL, got "s3://bucket"',
  ),
  config(
    "an unknown variable",
    "environment",
    { env: { SLUICE_HTP_PORT: "1" } },
    "the environment has the unknown variable 'SLUICE_HTP_PORT' (did you mean 'SLUICE_HTTP_PORT'?)",
  ),
  config(
    "no number",
    "environment",
    { env: { SLUICE_MAX_QUEUE: "many" } },
    'maxQueue (from SLUICE_MAX_QUEUE) must be an integer from 1 to 1000000, got "many"',
  ),
  config(
    "no Redis URL (a secret: not shown)",
    "environment",
    { env: { REDIS_URL: "hidden-word" } },
    "redisUrl (from REDIS_URL) must be a redis:// or rediss:// URL, got something else (not shown)",
  ),
  config(
    "a secret given twice",
    "environment",
    { env: { AZURE_STORAGE_KEY: "hidden-word", AZURE_STORAGE_KEY_FILE: "key" } },
    "AZURE_STORAGE_KEY and AZURE_STORAGE_KEY_FILE are both set; keep one",
  ),
  config(
    "an unknown key",
    "server.yaml",
    { yaml: "# ports\nhttpport: 1\n" },
    "server.yaml:2 has the unknown key 'httpport' (did you mean 'httpPort'?)",
  ),
  config(
    "text for a number",
    "server.yaml",
    { yaml: "httpPort: '8000'\n" },
    'httpPort (from server.yaml:1) must be an integer from 0 to 65535, got "8000"',
  ),
  config(
    "no YAML",
    "server.yaml",
    { yaml: "httpPort: [1\n" },
    "server.yaml:2 is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ),
  config(
    "a file that is not there",
    "files",
    { args: ["--config", "absent.yaml"] },
    "cannot read <folder>/absent.yaml: ENOENT: no such file or directory, open '<folder>/absent.yaml'",
  ),
  config(
    "a keys file that is not there",
    "files",
    { args: ["--keys-file", "absent.json"] },
    "keysFile <folder>/absent.json does not exist; make it with 'sluice keys create --keys-file <folder>/absent.json --role admin --name NAME'",
  ),
  config(
    "a keys file of another form",
    "files",
    { keys: "[]" },
    '<folder>/.sluice/keys.json: expected {"schemaVersion": 1, "keys": [...]}',
  ),
];
