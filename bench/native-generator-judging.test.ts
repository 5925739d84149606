import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import type { GeneratorReport } from "./generator.ts";
import { NativeGenerator } from "./native-generator.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { RAW_BODY, type Respond, rawAnswer, startRawServer } from "./testing/raw-server.ts";

const { file, reason } = await buildLoadGenerator();
const skip = reason ?? false;

describe("answers that do not fit its memory", { skip }, () => {
  const POOL = 4;
  /** Wrong beside the first answer to an input, which others are compared with. */
  const WRONG = RAW_BODY.replace("2,3", "2,9");

  /** 80 requests on one connection, which a first one opens: request n (from 1) is of input (n - 1) % 4. */
  async function judged(respond: Respond, answerBytes: number): Promise<GeneratorReport["tally"]> {
    const server = await startRawServer(respond);
    const { inputs } = loadPlanOf(server.url, {});
    const plan = loadPlanOf(server.url, {
      connections: 1,
      // Four that the server's one answer fits.
      inputs: Array.from({ length: POOL }, () => inputs[0]).filter((input) => input !== undefined),
      shape: { poolSize: POOL, ratePerSec: 400, durationMs: 200 },
    });
    const generator = new NativeGenerator(file ?? "", plan, () => undefined, answerBytes);
    try {
      await generator.ready;
      generator.go();
      return (await generator.done).tally;
    } finally {
      await generator.end();
      await server.close();
    }
  }

  for (const answerBytes of [0, RAW_BODY.length * 1.5]) {
    test(`an input that only gets garbage fails with ${answerBytes} bytes`, async () => {
      const garbage = "x".repeat(RAW_BODY.length);
      const lastIsGarbage: Respond = (socket, n) =>
        socket.write(rawAnswer(n > 0 && (n - 1) % POOL === POOL - 1 ? garbage : RAW_BODY));
      const { errors, latency } = await judged(lastIsGarbage, answerBytes);
      assert.deepEqual(errors, { internal: 20 });
      assert.equal(
        latency.counts.reduce((sum, count) => sum + count, 0),
        60,
      );
    });
  }

  test("a second answer to an input is judged when the sample's turn comes", async () => {
    const laterWrong: Respond = (socket, n) => socket.write(rawAnswer(n > POOL ? WRONG : RAW_BODY));
    const { errors } = await judged(laterWrong, 0);
    // 19 of each input, of which the turn's is the 15th (the right one came first).
    assert.deepEqual(errors, { "wrong-answer": POOL * 5 });
  });
});
