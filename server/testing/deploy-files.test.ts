import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { Client } from "pg";
import { parse } from "yaml";
import { startPostgres, type TestPostgres } from "../../pipelines/feeds/testing/postgres.ts";
import { loadProject } from "../../pipelines/project/load-project.ts";
import { envOf } from "../config/setting.ts";
import { SETTING_BY_KEY, SETTINGS } from "../config/settings.ts";
import { findProgram, needs } from "./skip.ts";
import { REPOSITORY_ROOT } from "./test-files.ts";

const DOCKERFILE = "deploy/image/Dockerfile";
const COMPOSE = "deploy/compose/compose.yaml";
const PACKAGE = JSON.parse(read("package.json")) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};
const MAIN = join(REPOSITORY_ROOT, "dist/server/main.js");

function read(path: string): string {
  return readFileSync(join(REPOSITORY_ROOT, path), "utf8");
}

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Instructions with continued lines joined; comments and blank lines are gone. */
function readInstructions(): readonly Instruction[] {
  const lines = read(DOCKERFILE)
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line));
  const joined = lines.join("\n").replace(/\\\n/g, " ").split("\n");
  return joined.map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest: rest.trim() };
  });
}

describe("Dockerfile", () => {
  const instructions = readInstructions();
  const restOf = (name: string) => instructions.filter((i) => i.name === name).map((i) => i.rest);

  it("holds known instructions only", () => {
    const known =
      /^(ARG|FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD)$/;
    assert.ok(instructions.length > 10);
    for (const { name, rest } of instructions) assert.match(name, known, rest);
  });

  it("copies what exists, and the build context lets it in", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const sources = restOf("COPY")
      .filter((rest) => !rest.startsWith("--from="))
      .flatMap((rest) => rest.split(/\s+/).slice(0, -1));
    for (const source of sources.filter((each) => each !== ".")) {
      assert.ok(existsSync(join(REPOSITORY_ROOT, source)), `${source} does not exist`);
      assert.ok(allowed.includes(source), `.dockerignore keeps ${source} out`);
    }
    const needed = ["server", "protocols", "tsconfig.json", "deploy/image/prune.sh"];
    for (const path of needed) assert.ok(allowed.includes(path), `.dockerignore keeps ${path} out`);
  });

  it("runs scripts that exist and starts the program that package.json names", () => {
    const runs = restOf("RUN").join(" ");
    const scripts = [...runs.matchAll(/npm run ([a-z:-]+)/g)].map(([, script]) => script ?? "");
    assert.ok(scripts.includes("build"));
    for (const script of scripts) assert.ok(script in PACKAGE.scripts, `no script '${script}'`);
    for (const [, path = ""] of runs.matchAll(/ sh (\S+)/g)) {
      assert.ok(existsSync(join(REPOSITORY_ROOT, path)), `${path} does not exist`);
    }
    assert.deepEqual(restOf("ENTRYPOINT"), [`["node", "${PACKAGE.bin["sluice"]}"]`]);
  });

  it("ends as a user without rights, with a JSON health check and a polite stop", () => {
    const last = instructions.slice(instructions.findLastIndex((i) => i.name === "FROM"));
    assert.deepEqual(
      last.filter((i) => i.name === "USER").map((i) => i.rest),
      ["node"],
    );
    assert.deepEqual(restOf("STOPSIGNAL"), ["SIGTERM"]);
    const [health = ""] = restOf("HEALTHCHECK");
    const command = JSON.parse(health.slice(health.indexOf("CMD") + 3)) as string[];
    assert.match(command.join(" "), /^node -e fetch\(.*\/v2\/health\/live'\)/);
    assert.doesNotThrow(() => new Function(command[2] ?? ""), "the health check's script parses");
  });
});

describe("compose.yaml", () => {
  interface Service {
    build?: { context: string; dockerfile: string };
    image?: string;
    healthcheck?: { test: string[] };
    command?: string | string[];
    environment?: Record<string, string>;
    depends_on?: Record<string, { condition: string }>;
    secrets?: string[];
    volumes?: string[];
    ports?: string[];
    entrypoint?: string[];
  }
  const compose = parse(read(COMPOSE)) as {
    services: Record<string, Service>;
    volumes: Record<string, unknown>;
    secrets: Record<string, unknown>;
  };
  const services = Object.entries(compose.services);

  it("builds from files that exist; every other image has a version and a health check", () => {
    for (const [name, service] of services) {
      if (service.build !== undefined) {
        const context = join(REPOSITORY_ROOT, dirname(COMPOSE), service.build.context);
        assert.ok(existsSync(join(context, service.build.dockerfile)), name);
      } else {
        assert.match(service.image ?? "", /:[0-9]/, `${name} names no version`);
        assert.equal(service.healthcheck?.test[0], "CMD", `${name} has no health check`);
      }
    }
  });

  it("refers only to services and secrets that it declares", () => {
    for (const [name, { depends_on, secrets }] of services) {
      for (const other of Object.keys(depends_on ?? {})) {
        assert.ok(other in compose.services, `${name} depends on ${other}`);
      }
      for (const secret of secrets ?? []) assert.ok(secret in compose.secrets, secret);
    }
  });

  it("mounts volumes that it declares and files that exist", () => {
    const isThere = (from: string) =>
      from.startsWith("./")
        ? existsSync(join(REPOSITORY_ROOT, dirname(COMPOSE), from))
        : from in compose.volumes;
    for (const [name, { volumes }] of services) {
      for (const volume of volumes ?? []) {
        assert.ok(isThere(volume.split(":")[0] ?? ""), `${name} mounts ${volume}`);
      }
    }
  });

  it("gives settings that exist, and commands that do", () => {
    const known = new Set(SETTINGS.map(envOf));
    for (const [name, { environment, image, command }] of services) {
      for (const variable of Object.keys(environment ?? {})) {
        if (variable.startsWith("SLUICE_")) assert.ok(known.has(variable), `${name}: ${variable}`);
      }
      if (image !== "sluice:local" || command === undefined) continue;
      const help = spawnSync(process.execPath, [MAIN, ...[command].flat(), "--help"]);
      assert.equal(help.status, 0, `${name}: sluice ${command}`);
    }
  });

  it("publishes the ports that the settings name", () => {
    const portsOf = (name: string) =>
      (compose.services[name]?.ports ?? []).map((port) => Number(port.split(":").at(-1))).sort();
    const defaults = (...keys: string[]) => keys.map((key) => SETTING_BY_KEY.get(key)?.default);
    assert.deepEqual(portsOf("sluice"), defaults("httpPort", "grpcPort", "metricsPort"));
    assert.deepEqual(portsOf("pipelines"), defaults("pipelinesPort", "pipelinesMetricsPort"));
    const exposed = /^EXPOSE (.*)$/m.exec(read(DOCKERFILE))?.[1]?.split(" ").map(Number).sort();
    assert.deepEqual(exposed, [...portsOf("pipelines"), ...portsOf("sluice")]);
    const [, , , script = ""] = compose.services["pipelines"]?.healthcheck?.test ?? [];
    assert.ok(script.includes(`127.0.0.1:${portsOf("pipelines")[0]}/healthz`), script);
    assert.doesNotThrow(() => new Function(script));
  });

  it("has server and pipelines meet at the same repository and the same capture folder", () => {
    const { sluice, pipelines } = compose.services;
    for (const name of ["SLUICE_MODEL_REPOSITORY", "SLUICE_REDIS_URL", "SLUICE_CAPTURE_FOLDER"]) {
      assert.equal(pipelines?.environment?.[name], sluice?.environment?.[name], name);
    }
    const folder = sluice?.environment?.["SLUICE_CAPTURE_FOLDER"];
    for (const service of [sluice, pipelines]) {
      assert.ok(service?.volumes?.includes(`capture:${folder}`));
    }
    assert.ok(read(DOCKERFILE).includes(` ${folder}\n`), "the image makes it for its own user");
  });

  it("has a project that loads, with secrets that its service is given", () => {
    const path = join(REPOSITORY_ROOT, "deploy/compose/project/sluice.yaml");
    const { project } = loadProject(path);
    const text = read("deploy/compose/project/sluice.yaml");
    const named = [...text.matchAll(/\/run\/secrets\/([a-z_]+)/g)].map(([, name]) => name ?? "");
    assert.equal(named.length, 3);
    for (const name of named) {
      assert.ok(compose.services["pipelines"]?.secrets?.includes(name), name);
    }
    assert.ok(Object.keys(project.models).length > 0);
  });

  it("makes a database whose reader may only read", withPsql(), async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-compose-"));
    const postgres = await startPostgres();
    try {
      cpSync(join(REPOSITORY_ROOT, dirname(COMPOSE)), folder, { recursive: true });
      rmSync(join(folder, "secrets"), { recursive: true, force: true });
      const sh = (script: string) =>
        spawnSync("sh", [join(folder, script)], {
          encoding: "utf8",
          env: {
            PATH: process.env["PATH"],
            POSTGRES_USER: "postgres",
            PGHOST: "127.0.0.1",
            PGPORT: String(postgres.port),
            SECRETS_FOLDER: join(folder, "secrets"),
          },
        });
      const made = sh("make-secrets.sh");
      assert.deepEqual([made.status, made.stdout, made.stderr], [0, "", ""]);
      const secret = (name: string) => readFileSync(join(folder, "secrets", name), "utf8");
      const before = secret("shop_url");
      assert.equal(sh("make-secrets.sh").status, 0);
      assert.equal(secret("shop_url"), before);
      assert.match(before, /^postgres:\/\/reader:[0-9a-f]{48}@postgres:5432\/shop\n$/);
      const done = sh("postgres/init.sh");
      assert.deepEqual([done.status, done.stderr], [0, ""]);
      await assertReadOnly(postgres);
    } finally {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("runs a script whose imports exist", () => {
    const script = compose.services["create-container"]?.entrypoint?.at(-1) ?? "";
    const [, module = ""] = /from "\/app\/dist\/([^"]+)\.js"/.exec(script) ?? [];
    assert.ok(existsSync(join(REPOSITORY_ROOT, `${module}.ts`)), `${module}.ts does not exist`);
  });

  it("publishes ports on loopback only", () => {
    for (const port of services.flatMap(([, service]) => service.ports ?? [])) {
      assert.match(port, /^127\.0\.0\.1:/);
    }
  });
});

function withPsql(): { skip: string | false } {
  const { skip } = needs("postgres");
  if (skip !== false || findProgram("psql") !== null) return { skip };
  return { skip: "needs a psql on PATH (Debian: apt-get install postgresql-client)" };
}

async function assertReadOnly(postgres: TestPostgres): Promise<void> {
  const reader = new Client({ connectionString: postgres.urlOf("reader", "shop") });
  await reader.connect();
  try {
    const { rows } = await reader.query(
      "SELECT count(*)::int AS n, avg(late::int) AS late FROM orders",
    );
    assert.equal(rows[0].n, 2800);
    assert.ok(rows[0].late > 0.2 && rows[0].late < 0.8, `late: ${rows[0].late}`);
    await reader.query("SET default_transaction_read_only = off");
    await assert.rejects(reader.query("DELETE FROM orders"), /permission denied/);
  } finally {
    await reader.end();
  }
}

describe("the packages of the image", () => {
  it("hold everything that the program imports", () => {
    const { dependencies, optionalDependencies } = PACKAGE;
    const kept = new Set(Object.keys({ ...dependencies, ...optionalDependencies }));
    const sources = ["server", "protocols", "pipelines", "bench"].flatMap((room) =>
      readdirSync(join(REPOSITORY_ROOT, room), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts") && !/\.test\.ts$|(^|\/)testing\//.test(path))
        .map((path) => join(room, path)),
    );
    assert.ok(sources.length > 300);
    for (const source of sources) {
      for (const [, name = ""] of read(source).matchAll(
        /^(?:import|export|\}).* from "([^".:][^":]*)";$/gm,
      )) {
        const packageName = name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/");
        assert.ok(kept.has(packageName), `${source} imports ${packageName}, a development package`);
      }
    }
  });

  it("are pruned to one platform by names that npm gives them", () => {
    const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, unknown> };
    for (const arch of ["x64", "arm64"]) {
      for (const name of [`@duckdb/node-bindings-linux-${arch}`, `@libsql/linux-${arch}-gnu`]) {
        assert.ok(`node_modules/${name}` in lock.packages, name);
      }
    }
  });
});

describe("uWebSockets.js, from an npm alias", () => {
  /** Git blob hashes of the Linux x64 binaries that deploy/adr/0007 vouches for, by ABI. */
  const checked: Readonly<Record<string, string>> = {
    "115": "168adfd82c04f7e63f179e036585735091ed9a64",
    "127": "b381f645971d726b4427aac361b7be70298e6087",
    "137": "217a773841bbd49b412b53d7ad11937b9e99f627",
  };
  const folder = join(REPOSITORY_ROOT, "node_modules/uWebSockets.js");
  const skip = existsSync(folder) ? false : "uWebSockets.js, an optional package, is not installed";

  it("is byte for byte the one that was checked", { skip }, () => {
    for (const [abi, hash] of Object.entries(checked)) {
      const bytes = readFileSync(join(folder, `uws_linux_x64_${abi}.node`));
      const blob = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
      assert.equal(blob, hash, `ABI ${abi}`);
      assert.ok(read("deploy/adr/0007-uwebsockets-from-an-npm-alias.md").includes(hash));
    }
  });
});
