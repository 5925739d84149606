import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { REPOSITORY_ROOT } from "./test-files.ts";

const DOCKERFILE = "deploy/image/Dockerfile";
const COMPOSE = "deploy/compose/compose.yaml";
const PACKAGE = JSON.parse(read("package.json")) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
};

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

  it("refers only to services, secrets and volumes that it declares", () => {
    for (const [name, service] of services) {
      for (const other of Object.keys(service.depends_on ?? {})) {
        assert.ok(other in compose.services, `${name} depends on ${other}`);
      }
      for (const secret of service.secrets ?? []) assert.ok(secret in compose.secrets, secret);
      for (const volume of service.volumes ?? []) {
        assert.ok((volume.split(":")[0] ?? "") in compose.volumes, volume);
      }
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
