import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as startTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";

const TAIL_CHARS = 2000;
const KILL_AFTER_MS = 10_000;
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/**
 * Children get this environment and no other: settings of the caller's shell must not decide a
 * comparison. The variable keeps ONNX Runtime's builds from sending telemetry.
 */
const CHILD_ENV = { ORT_DISABLE_TELEMETRY: "1" };

/** A Node.js process of a comparison: a contender, or a command that prepares one. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<number>;
  readonly #killOnExit = (): void => {
    this.#process.kill("SIGKILL");
  };
  #stderrTail = "";
  #stdoutTail = "";

  /**
   * @param script path of a compiled script
   * @param cores that it may use, as `taskset -c` takes them; null: those of this process
   */
  constructor(name: string, script: string, args: readonly string[], cores: string | null = null) {
    this.#name = name;
    const line = [process.execPath, script, ...args];
    // taskset becomes the program that it starts: same process id, same channel.
    const [program = "", ...rest] = cores === null ? line : ["taskset", "-c", cores, ...line];
    this.#process = spawn(program, rest, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      env: CHILD_ENV,
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-TAIL_CHARS);
    });
    // Reading also keeps the pipe from filling, which would stop the child.
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdoutTail = (this.#stdoutTail + text).slice(-TAIL_CHARS);
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once("error", () => resolve(-1));
      this.#process.once("close", (code) => resolve(code ?? -1));
    });
    process.once("exit", this.#killOnExit);
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The last line of its log that has a level of error or worse (pino's 50); null when there is none. */
  get lastError(): string | null {
    const lines = `${this.#stdoutTail}\n${this.#stderrTail}`.split("\n");
    return lines.findLast((line) => /"level":[56]0/.test(line)) ?? null;
  }

  /** @throws Error with the child's last words when it ends first or prints nothing in time */
  firstLine(): Promise<string> {
    return this.#orEnded((resolve) => {
      let text = "";
      this.#process.stdout?.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        const end = text.indexOf("\n");
        if (end !== -1) resolve(text.slice(0, end));
      });
    }, START_TIMEOUT_MS);
  }

  /** Sends `message` over IPC; the child's first answer. @throws Error when it ends first */
  ask(message: unknown, timeoutMs: number): Promise<unknown> {
    return this.#orEnded((resolve) => {
      this.#process.once("message", resolve);
      this.#process.send(message as object);
    }, timeoutMs);
  }

  /** Asks again and again. @throws Error when the child ends first, or it stays false too long */
  async until(condition: () => Promise<boolean>): Promise<void> {
    let isOver = false;
    const poll = async (): Promise<void> => {
      while (!isOver && !(await condition())) await setTimeout(POLL_MS);
    };
    try {
      await this.#orEnded<void>((resolve, reject) => {
        poll().then(resolve, reject);
      }, START_TIMEOUT_MS);
    } finally {
      isOver = true;
    }
  }

  /** Waits for its end. @throws Error with its last words when the exit code is not 0 */
  async succeed(): Promise<void> {
    const code = await this.#ended;
    process.off("exit", this.#killOnExit);
    if (code !== 0) throw this.#failure(code);
  }

  /** Asks it to end, kills it if it does not. Never rejects. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const killer = startTimer(this.#killOnExit, KILL_AFTER_MS);
    await this.#ended;
    clearTimeout(killer);
    process.off("exit", this.#killOnExit);
  }

  #orEnded<T>(
    start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
    timeoutMs: number,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = startTimer(
        () => reject(new Error(`${this.#name}: nothing came within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const end =
        <V>(settle: (value: V) => void) =>
        (value: V) => {
          clearTimeout(timer);
          settle(value);
        };
      this.#ended.then((code) => end(reject)(this.#failure(code)), reject);
      start(end(resolve), end(reject));
    });
  }

  #failure(code: number): Error {
    const said = this.#stderrTail.trim();
    return new Error(`${this.#name} ended with ${code}${said === "" ? "" : `: ${said}`}`);
  }
}
