import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { type ConfigInputs, type LoadedConfig, loadConfig, loadPlaces } from "./load.ts";
import { envOf, flagOf } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
});
after(() => rmSync(folder, { recursive: true }));

let files = 0;

/** A fresh folder with this server.yaml; the home unless a test says otherwise. */
function homeWith(yaml: string | null): string {
  const home = join(folder, `home-${files++}`);
  mkdirSync(home);
  if (yaml !== null) writeFileSync(join(home, "server.yaml"), yaml);
  return home;
}

function load(inputs: Partial<ConfigInputs> & { yaml?: string }): LoadedConfig {
  const home = homeWith(inputs.yaml ?? null);
  return loadConfig({
    flags: inputs.flags ?? {},
    env: { SLUICE_HOME: home, ...inputs.env },
    file: inputs.file ?? null,
    cwd: inputs.cwd ?? folder,
  });
}

function problemOf(inputs: Parameters<typeof load>[0]): string {
  try {
    load(inputs);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(!error.message.includes("\n"), "one line");
    return error.message;
  }
  throw new Error("expected a ConfigError, the configuration loaded");
}

describe("loading the configuration", () => {
  it("has a default for every setting, and is frozen", () => {
    const { config, origins } = load({});
    for (const { key } of SETTINGS) assert.notEqual(config[key], undefined, key);
    assert.equal(config.host, "127.0.0.1");
    assert.equal(config.modelRepository, join(config.home, "models"));
    assert.equal(config.keysFile, null);
    assert.ok(config.threads >= 1);
    assert.equal(origins.get("httpPort"), "default");
    assert.ok(Object.isFrozen(config));
    assert.throws(() => {
      (config as { httpPort: number }).httpPort = 1;
    }, TypeError);
  });

  it("puts the home in .sluice of the current folder", () => {
    const cwd = homeWith(null);
    assert.equal(loadConfig({ flags: {}, env: {}, file: null, cwd }).config.home, `${cwd}/.sluice`);
  });

  it("takes a flag before the environment before server.yaml before the default", () => {
    const yaml = "httpPort: 1\nmaxQueue: 11\n";
    const env = { SLUICE_HTTP_PORT: "2", SLUICE_GRPC_PORT: "22" };
    const flags = { httpPort: "3" };
    const { config, origins } = load({ yaml, env, flags });
    assert.equal(config.httpPort, 3);
    assert.equal(config.grpcPort, 22);
    assert.equal(config.maxQueue, 11);
    assert.equal(load({ yaml, env }).config.httpPort, 2);
    assert.equal(load({ yaml }).config.httpPort, 1);
    assert.deepEqual(
      ["httpPort", "grpcPort", "maxQueue", "metricsPort"].map((key) => origins.get(key)),
      ["--http-port", "SLUICE_GRPC_PORT", "server.yaml:2", "default"],
    );
  });

  it("reads every kind of value from every place", () => {
    const fromYaml = load({
      yaml: "insecure: true\nmodelControlMode: explicit\nloadModel: [a, b]\nrepositoryPollSecs: 0.5\n",
    }).config;
    const fromEnv = load({
      env: {
        SLUICE_INSECURE: "true",
        SLUICE_MODEL_CONTROL_MODE: "explicit",
        SLUICE_LOAD_MODEL: "a, b,a",
        SLUICE_REPOSITORY_POLL_SECS: "0.5",
      },
    }).config;
    const fromFlags = load({
      flags: {
        insecure: true,
        modelControlMode: "explicit",
        loadModel: ["a", "b"],
        repositoryPollSecs: "0.5",
      },
    }).config;
    for (const config of [fromYaml, fromEnv, fromFlags]) {
      assert.equal(config.insecure, true);
      assert.equal(config.modelControlMode, "explicit");
      assert.deepEqual(config.loadModel, ["a", "b"]);
      assert.equal(config.repositoryPollSecs, 0.5);
    }
  });

  it("lets a flag take back what the file sets", () => {
    const yaml = "insecure: true\n";
    assert.equal(load({ yaml, flags: { insecure: "false" } }).config.insecure, false);
  });

  it("starts relative paths at the current folder, in server.yaml at its own", () => {
    const home = homeWith(null);
    const file = join(home, "other.yaml");
    writeFileSync(file, "modelRepository: repo\nhome: state\n");
    const inputs = { flags: {}, env: {}, file, cwd: folder };
    assert.equal(loadConfig(inputs).config.modelRepository, join(home, "repo"));
    assert.equal(loadConfig(inputs).config.home, join(home, "state"));
    const flags = { modelRepository: "repo" };
    assert.equal(loadConfig({ ...inputs, flags }).config.modelRepository, join(folder, "repo"));
  });

  it("takes an empty variable and an empty YAML value for not set", () => {
    const { config } = load({ env: { SLUICE_HTTP_PORT: "" }, yaml: "grpcPort:\n" });
    assert.equal(config.httpPort, 8000);
    assert.equal(config.grpcPort, 8001);
  });

  it("finds keys.json in the home", () => {
    const home = homeWith(null);
    writeFileSync(join(home, "keys.json"), "{}");
    const { config } = loadConfig({ flags: { home }, env: {}, file: null, cwd: folder });
    assert.equal(config.keysFile, join(home, "keys.json"));
  });
});

describe("a configuration that cannot be used", () => {
  it("names an unknown key and variable with the nearest known one", () => {
    assert.equal(
      problemOf({ yaml: "grpcPort: 1\nhttp-port: 80\n" }),
      "server.yaml:2 has the unknown key 'http-port' (did you mean 'httpPort'?)",
    );
    assert.equal(
      problemOf({ env: { SLUICE_HTP_PORT: "80" } }),
      "the environment has the unknown variable 'SLUICE_HTP_PORT' (did you mean 'SLUICE_HTTP_PORT'?)",
    );
  });

  it("ignores what Kubernetes puts into every pod for a Service", () => {
    const env = {
      SLUICE_SERVICE_HOST: "10.0.0.1",
      SLUICE_SERVICE_PORT: "8000",
      SLUICE_SERVICE_PORT_HTTP: "8000",
      SLUICE_PORT: "tcp://10.0.0.1:8000",
      SLUICE_PORT_8000_TCP: "tcp://10.0.0.1:8000",
      SLUICE_PORT_8000_TCP_ADDR: "10.0.0.1",
      // A Service named "sluice-http" collides with a setting.
      SLUICE_HTTP_PORT: "tcp://10.0.0.1:80",
    };
    assert.equal(load({ env }).config.httpPort, 8000);
  });

  it("says which, from where, what was expected and what came", () => {
    const cases: [Parameters<typeof load>[0], string][] = [
      [
        { flags: { httpPort: "80x" } },
        'httpPort (from --http-port) must be an integer from 0 to 65535, got "80x"',
      ],
      [
        { env: { SLUICE_MAX_QUEUE: "0" } },
        'maxQueue (from SLUICE_MAX_QUEUE) must be an integer from 1 to 1000000, got "0"',
      ],
      [
        { yaml: "\nhttpPort: '80'\n" },
        'httpPort (from server.yaml:2) must be an integer from 0 to 65535, got "80"',
      ],
      [
        { yaml: "insecure: yes please\n" },
        'insecure (from server.yaml:1) must be true or false, got "yes please"',
      ],
      [
        { flags: { modelControlMode: "pol" } },
        `modelControlMode (from --model-control-mode) must be one of none, poll, explicit, got "pol" (did you mean 'poll'?)`,
      ],
      [
        { flags: { modelRepository: "s3://bucket/models" } },
        'modelRepository (from --model-repository) must be a folder or an https:// container URL, got "s3://bucket/models"',
      ],
      [
        { yaml: "loadModel: [1]\n" },
        "loadModel (from server.yaml:1) must be a list of names, got [1]",
      ],
    ];
    for (const [inputs, message] of cases) assert.equal(problemOf(inputs), message);
  });

  it("keeps every number to its range, in every place", () => {
    for (const { key, type } of SETTINGS) {
      if (type.kind !== "integer" && type.kind !== "number") continue;
      const row = SETTINGS.find((each) => each.key === key);
      assert.ok(row);
      for (const wrong of [type.min - 1, type.max + 1, "NaN", "1e3", "Infinity", "0x10", " "]) {
        const text = String(wrong);
        assert.ok(problemOf({ flags: { [key]: text } }).startsWith(`${key} (from ${flagOf(row)})`));
        assert.ok(
          problemOf({ env: { [envOf(row)]: text } }).startsWith(`${key} (from ${envOf(row)})`),
        );
      }
      assert.ok(
        problemOf({ yaml: `${key}: ${type.max + 1}\n` }).startsWith(`${key} (from server.`),
      );
      if (type.kind === "integer") {
        assert.ok(problemOf({ flags: { [key]: `${type.min}.5` } }).startsWith(`${key} (from`));
      }
    }
  });

  it("refuses YAML that is none, repeats a key or is not a map, naming the line", () => {
    assert.match(problemOf({ yaml: "httpPort: [1\n" }), /^server\.yaml:[12] is not YAML: /);
    assert.match(
      problemOf({ yaml: "httpPort: 1\nhttpPort: 2\n" }),
      /^server\.yaml:2 is not YAML: /,
    );
    assert.equal(problemOf({ yaml: "- a\n" }), "server.yaml must hold 'key: value' lines");
    assert.match(problemOf({ file: "absent.yaml" }), /^cannot read .*absent\.yaml: ENOENT/);
  });

  it("refuses to find its own home in the home's server.yaml", () => {
    assert.match(
      problemOf({ yaml: "home: x\n" }),
      /^server\.yaml:1 sets home, but the file was found/,
    );
  });

  it("refuses equal ports, but not two free ones", () => {
    assert.equal(
      problemOf({ flags: { httpPort: "9", metricsPort: "9" } }),
      "metricsPort and httpPort are both 9; ports must differ",
    );
    const flags = { httpPort: "0", grpcPort: "0", metricsPort: "0" };
    assert.equal(load({ flags }).config.grpcPort, 0);
  });

  it("refuses a host that others can reach without keys, and says what to do", () => {
    for (const host of ["0.0.0.0", "::", "10.1.2.3", "example.org", "127.0.0.1.example.org"]) {
      const message = problemOf({ flags: { host } });
      assert.match(message, /sluice keys create .*--insecure/, host);
      assert.equal(load({ flags: { host, insecure: true } }).config.host, host);
    }
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1"]) load({ flags: { host } });
    const keysFile = join(homeWith(null), "k.json");
    writeFileSync(keysFile, "{}");
    assert.equal(load({ flags: { host: "0.0.0.0", keysFile } }).config.keysFile, keysFile);
  });

  it("refuses settings that contradict each other", () => {
    assert.match(problemOf({ flags: { keysFile: "absent.json" } }), /absent\.json does not exist/);
    assert.match(
      problemOf({ flags: { maxInflightBytes: "1024" } }),
      /^maxInflightBytes \(1024\) must be at least maxBodyBytes/,
    );
    assert.match(problemOf({ flags: { loadModel: ["a"] } }), /^loadModel is only for .* explicit/);
  });
});

describe("where predictions are recorded", () => {
  it("is nowhere unless asked, and a folder starts where the setting stands", () => {
    assert.equal(load({}).config.captureFolder, null);
    assert.equal(load({}).config.captureStream, null);
    assert.deepEqual(load({}).config.captureModels, ["*"]);
    const { config } = load({ flags: { captureFolder: "seen", captureRatio: "0.25" } });
    assert.equal(config.captureFolder, join(folder, "seen"));
    assert.equal(config.captureRatio, 0.25);
  });

  it("covers models that can be", () => {
    assert.deepEqual(load({ flags: { captureModels: ["a*,b"] } }).config.captureModels, [
      "a*",
      "b",
    ]);
    assert.match(
      problemOf({ flags: { captureModels: ["*a"] } }),
      /^captureModels must hold .*"\*a"$/,
    );
  });

  it("is a folder or a Redis stream, not both, and a stream needs its Redis", () => {
    const stream = { captureStream: "seen" };
    assert.equal(
      problemOf({ flags: stream }),
      "captureStream seen needs redisUrl, which is not set",
    );
    const redisUrl = "redis://r:6379";
    assert.equal(load({ flags: { ...stream, redisUrl } }).config.captureStream, "seen");
    assert.equal(
      problemOf({ flags: { ...stream, redisUrl, captureFolder: "x" } }),
      "captureFolder and captureStream are both set; keep one",
    );
  });
});

describe("places for commands that need no whole configuration", () => {
  it("are found where serve would refuse to start", () => {
    const home = homeWith(null);
    const env = { SLUICE_HOST: "0.0.0.0", SLUICE_HOME: home, REDIS_URL: "redis://r:6379" };
    assert.deepEqual(loadPlaces({ flags: {}, env, file: null, cwd: folder }), {
      home,
      keysFile: join(home, "keys.json"),
      modelRepository: join(home, "models"),
      redisUrl: "redis://r:6379",
    });
  });
});

describe("secrets", () => {
  const PASSWORD = "s3cr3t-value";

  it("come from the environment or the file that _FILE names", () => {
    const file = join(homeWith(null), "secret");
    writeFileSync(file, `?sig=${PASSWORD}\n`);
    const azure = (env: Record<string, string>) => load({ env }).secrets.azure;
    assert.deepEqual(azure({}), { kind: "identity" });
    assert.deepEqual(azure({ AZURE_STORAGE_KEY: PASSWORD }), {
      kind: "account-key",
      accountKey: PASSWORD,
    });
    const sas = azure({ AZURE_STORAGE_KEY: "k", AZURE_STORAGE_SAS_TOKEN_FILE: file });
    assert.ok(sas.kind === "sas");
    assert.deepEqual([sas.sasToken, sas.reread?.()], Array(2).fill(`sig=${PASSWORD}`));
    const connectionString = "AccountName=a;AccountKey=k";
    assert.deepEqual(
      azure({ AZURE_STORAGE_KEY: "k", AZURE_STORAGE_CONNECTION_STRING: connectionString }),
      { kind: "connection-string", connectionString },
    );
  });

  it("take REDIS_URL after SLUICE_REDIS_URL", () => {
    const redis = (env: Record<string, string>): Config["redisUrl"] =>
      load({ env }).config.redisUrl;
    assert.equal(redis({ REDIS_URL: "redis://a" }), "redis://a");
    assert.equal(redis({ REDIS_URL: "redis://a", SLUICE_REDIS_URL: "rediss://b" }), "rediss://b");
  });

  it("never show in a message", () => {
    const file = join(homeWith(null), "empty");
    writeFileSync(file, "\n");
    const messages = [
      problemOf({ flags: { redisUrl: `http://u:${PASSWORD}@h` } }),
      problemOf({ env: { REDIS_URL: PASSWORD } }),
      problemOf({ env: { AZURE_STORAGE_CONNECTION_STRING: PASSWORD } }),
      problemOf({ env: { AZURE_STORAGE_KEY: PASSWORD, AZURE_STORAGE_KEY_FILE: file } }),
      problemOf({ env: { AZURE_STORAGE_KEY_FILE: file } }),
      problemOf({
        flags: { modelRepository: `https://a.blob.core.windows.net/c?sig=${PASSWORD}` },
      }),
      problemOf({ flags: { modelRepository: `https://u:${PASSWORD}@a.blob.core.windows.net/c` } }),
    ];
    for (const message of messages) assert.ok(!message.includes(PASSWORD), message);
    assert.match(messages[0] ?? "", /must be a redis:\/\/ or rediss:\/\/ URL, got something else/);
  });
});
