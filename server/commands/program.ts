import { existsSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { auditLogPath } from "../access/audit-log.ts";
import { type ConfigInputs, type Flags, loadPlaces } from "../config/load.ts";
import { addSettingOptions } from "../config/setting-options.ts";
import { inputsOf, textOf, withPlaces } from "./flags.ts";
import type { InferArgs, InferProtocol } from "./infer.ts";
import type { Io, TextSink } from "./io.ts";
import { addLife, type LifeRooms } from "./life-program.ts";
import { programVersion } from "./version.ts";

/** One version to publish. */
export interface PublishRequest {
  /** The model.onnx. */
  readonly file: string;
  readonly model: string;
  /** Alias to point at the new version; null for champion. */
  readonly alias: string | null;
  readonly isBreaking: boolean;
  /** File of requests with their answers; null for none. */
  readonly golden: string | null;
}

/** Commands whose work is done in other rooms than server/commands; main.ts imports them lazily. */
export interface Rooms extends LifeRooms {
  serve(inputs: ConfigInputs): Promise<number>;
  publish(request: PublishRequest, inputs: ConfigInputs): Promise<number>;
  rollback(model: string, inputs: ConfigInputs): Promise<number>;
  remove(model: string, inputs: ConfigInputs): Promise<number>;
  infer(args: InferArgs): Promise<number>;
  bench(argv: readonly string[]): Promise<number>;
  tune(argv: readonly string[]): Promise<number>;
  demo(): Promise<number>;
  /** Checks the project file and says so in a line; nothing where there is none. */
  validateProject(inputs: ConfigInputs, sink: TextSink): Promise<void>;
  /** Exit code; null where there is no store. */
  verifyEvents(inputs: ConfigInputs): Promise<number | null>;
}

/** How a subcommand ends: with an exit code. */
type Action = () => Promise<number> | number;

/**
 * The command line. Parsing it rejects with CommanderError for what cannot be understood, and with
 * what a command throws.
 * @param finish takes the exit code of the command that ran
 */
export function buildProgram(io: Io, rooms: Rooms, finish: (exitCode: number) => void): Command {
  const run = async (action: Action): Promise<void> => finish(await action());
  const program = new Command("sluice")
    .description(
      "Inference server for ONNX models (HTTP, gRPC, WebSocket, hot-swapped), and the models' whole life.",
    )
    .version(programVersion())
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`sluice: ${oneLine(text.replace(/^error: /, ""))}\n`),
    });
  addServing(program, io, rooms, run);
  addPublishing(program, io, rooms, run);
  addVet(program, io, run);
  addInfer(program, rooms, run);
  addLife(program, io, rooms, run);
  addKeys(program, io, run);
  addAudit(program, io, rooms, run);
  addSidecars(program, rooms, run);
  return program;
}

type Run = (action: Action) => Promise<void>;

function addServing(program: Command, io: Io, rooms: Rooms, run: Run): void {
  addSettingOptions(
    program.command("serve").description("serve the models of a repository"),
  ).action((flags: Flags) => run(() => rooms.serve(inputsOf(flags, io))));
  addSettingOptions(
    program
      .command("validate")
      .description("check the configuration as serve would load it, and the project file"),
  )
    .option("--print", "print it whole, without secrets")
    .action((flags: Flags) =>
      run(async () => {
        const { validateCommand } = await import("./validate.ts");
        const inputs = inputsOf(flags, io);
        const isPrinting = flags["print"] === true;
        const code = validateCommand(inputs, isPrinting, io);
        await rooms.validateProject(inputs, isPrinting ? io.stderr : io.stdout);
        return code;
      }),
    );
  addSettingOptions(
    program.command("doctor").description("say what this machine can do, and why"),
  ).action((flags: Flags) =>
    run(async () => {
      const { doctorCommand } = await import("./doctor.ts");
      return doctorCommand(inputsOf(flags, io), io);
    }),
  );
}

function addPublishing(program: Command, io: Io, rooms: Rooms, run: Run): void {
  const withRepository = (command: Command): Command =>
    withPlaces(command)
      .option("--model-repository <location>", "folder or container URL; as for serve if not given")
      .option("--redis-url <url>", "Redis through which servers hear of it at once");
  withRepository(
    program
      .command("publish <file>")
      .description("put an ONNX model into the repository as its next version")
      .requiredOption("--model <name>", "the model's name"),
  )
    .option("--alias <name>", "alias to point at the new version; default: champion")
    .option("--breaking", "its signature may break clients of the version before")
    .option("--golden <file>", "requests with the answers that the trainer's runtime gave")
    .action((file: string, flags: Flags) =>
      run(() => rooms.publish(publishRequest(file, flags), inputsOf(flags, io))),
    );
  const onModel = (name: "rollback" | "remove", description: string): void => {
    withRepository(program.command(name).description(description))
      .requiredOption("--model <name>", "the model's name")
      .action((flags: Flags) =>
        run(() => rooms[name](String(flags["model"]), inputsOf(flags, io))),
      );
  };
  onModel("rollback", "point champion at the version before");
  onModel("remove", "take a model away: servers unload it");
}

/** Written out, because the module that holds them loads the clients. */
const PROTOCOLS: readonly InferProtocol[] = ["http", "grpc", "websocket"];

function addInfer(program: Command, rooms: Rooms, run: Run): void {
  program
    .command("infer")
    .description("send one request, print the answer as JSON")
    .requiredOption("--model <name>", "the model's name")
    .option("--version <version>", "number or alias; default: champion")
    .requiredOption("--input <file>", "inference request in JSON; - reads standard input")
    .addOption(
      new Option("--protocol <protocol>", "what to speak").choices(PROTOCOLS).default("http"),
    )
    .option(
      "--url <url>",
      "http(s)://HOST:PORT, HOST:PORT or grpcs://HOST:PORT (grpc), ws(s)://HOST:PORT; default: this machine",
    )
    .option("--api-key <key>", "sent as authorization: Bearer")
    .option("--ca-file <file>", "authorities in PEM to trust, instead of Node.js's own")
    .option("--timeout-secs <seconds>", "wait at most this long", readSeconds, 30)
    .action((flags: Flags) => run(() => rooms.infer(inferArgs(flags))));
}

function inferArgs(flags: Flags): InferArgs {
  return {
    name: String(flags["model"]),
    version: textOf(flags["version"]) ?? null,
    protocol: PROTOCOLS.find((each) => each === flags["protocol"]) ?? "http",
    url: textOf(flags["url"]) ?? null,
    input: String(flags["input"]),
    apiKey: textOf(flags["apiKey"]) ?? null,
    timeoutMs: Number(flags["timeoutSecs"]) * 1000,
    caFile: textOf(flags["caFile"]) ?? null,
  };
}

const MAX_TIMEOUT_SECS = 86_400;

function readSeconds(text: string): number {
  const seconds = text === "" ? Number.NaN : Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECS) return seconds;
  throw new InvalidArgumentError(`expected seconds above 0, at most ${MAX_TIMEOUT_SECS}.`);
}

function addKeys(program: Command, io: Io, run: Run): void {
  const keys = program.command("keys").description("make, list and revoke API keys");
  const withFile = (command: Command): Command =>
    withPlaces(command).option("--keys-file <file>", "default: keys.json in the home");
  withFile(keys.command("create").description("make a key and print it, this once"))
    .requiredOption("--name <text>", "whose key it is")
    .option("--role <role>", "read, infer or admin", "infer")
    .option("--models <globs>", "names, prefixes such as fraud-* or *, by commas", "*")
    .option("--expires-days <days>", "days until it expires; default: never")
    .option("--rate <number>", "requests a second of each model; default: no limit")
    .option("--burst <number>", "requests at once after a pause; default: those of one second")
    .action((flags: Flags) =>
      run(async () => {
        const { createKeyCommand } = await import("./keys.ts");
        const options = {
          name: String(flags["name"]),
          role: String(flags["role"]),
          models: String(flags["models"]),
          expiresDays: textOf(flags["expiresDays"]),
          rate: textOf(flags["rate"]),
          burst: textOf(flags["burst"]),
        };
        return createKeyCommand(options, inputsOf(flags, io), io);
      }),
    );
  withFile(keys.command("list").description("list the keys; their texts are not kept")).action(
    (flags: Flags) =>
      run(async () => {
        const { listKeysCommand } = await import("./keys.ts");
        return listKeysCommand(inputsOf(flags, io), io);
      }),
  );
  withFile(keys.command("revoke <id>").description("revoke a key for good")).action(
    (id: string, flags: Flags) =>
      run(async () => {
        const { revokeKeyCommand } = await import("./keys.ts");
        return revokeKeyCommand(id, inputsOf(flags, io), io);
      }),
  );
}

function addVet(program: Command, io: Io, run: Run): void {
  withPlaces(
    program
      .command("vet <file>")
      .description("judge an ONNX model as serve would before it serves"),
  )
    .option("--golden <file>", "requests with the answers that the trainer's runtime gave")
    .option("--json", "for programs")
    .action((file: string, flags: Flags) =>
      run(async () => {
        const { vetCommand } = await import("./vet.ts");
        const golden = textOf(flags["golden"]) ?? null;
        return vetCommand({ file, golden, json: flags["json"] === true }, inputsOf(flags, io), io);
      }),
    );
}

function addAudit(program: Command, io: Io, rooms: Rooms, run: Run): void {
  const audit = program.command("audit").description("the log of who did what");
  withPlaces(audit.command("verify").description("check that no record was changed or taken out"))
    .option("--file <file>", "default: audit.jsonl in the home")
    .action((flags: Flags) =>
      run(async () => {
        const { verifyAuditCommand } = await import("./audit.ts");
        const file = textOf(flags["file"]);
        const inputs = inputsOf(flags, io);
        const events = file === undefined ? await rooms.verifyEvents(inputs) : null;
        // 'sluice run' alone raises events, and nothing for the audit log.
        if (events !== null && !existsSync(auditLogPath(loadPlaces(inputs).home))) return events;
        return Math.max(events ?? 0, await verifyAuditCommand(file, inputs, io));
      }),
    );
}

function addSidecars(program: Command, rooms: Rooms, run: Run): void {
  program
    .command("bench [args...]")
    .description("measure a server under load; 'sluice bench --help' says more")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => run(() => rooms.bench(args)));
  program
    .command("tune [args...]")
    .description(
      "measure a model here and write the settings for it; 'sluice tune --help' says more",
    )
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => run(() => rooms.tune(args)));
  program
    .command("demo")
    .description("serve a small model, publish the next version, watch it swap")
    .action(() => run(() => rooms.demo()));
}

function publishRequest(file: string, flags: Flags): PublishRequest {
  return {
    file,
    model: String(flags["model"]),
    alias: textOf(flags["alias"]) ?? null,
    isBreaking: flags["breaking"] === true,
    golden: textOf(flags["golden"]) ?? null,
  };
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
