import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, inferBody, RawClient, until } from "./clients.ts";
import { type Ending, HOSTILE_ROWS, type HostileRow } from "./hostile-heads.ts";
import { type Rig, type Served, serve } from "./rig.ts";

const PARALLEL = 8;
/** How long a connection may be silent before that counts as no answer. */
const SILENCE_MS = 400;

/** Requests that no honest client sends: each ends as the table says, runs nothing and harms nobody. */
export function hostileContract(rig: Rig): void {
  const endingOf = ([, , uws, node]: HostileRow) => (rig.name.startsWith("uWeb") ? uws : node);
  describe("hostile requests", () => {
    test(`${HOSTILE_ROWS.length} of them, each with its exact ending`, () =>
      serve(rig, { bodyTimeoutMs: 5000 }, async (served) => {
        const waiting = [...HOSTILE_ROWS];
        const wrong: string[] = [];
        const work = async () => {
          for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
            const expected = endingOf(row);
            const came = await send(served.port, row[1], expected === "none");
            if (came !== expected) wrong.push(`${row[0]}: expected ${expected}, got ${came}`);
          }
        };
        await Promise.all(Array.from({ length: PARALLEL }, work));
        assert.deepEqual(wrong, []);
        const served200 = HOSTILE_ROWS.filter((row) => endingOf(row) === "200").length;
        assert.equal(served.context.models.runs(), served200, "no refused request may run");
        await assertUnharmed(served);
      }));
  });
}

async function assertUnharmed({ port, context }: Served): Promise<void> {
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  const { json } = await ask(port, "/v2/models/double/infer", { body: inferBody([4]) });
  assert.deepEqual(json.outputs[0].data, [8]);
  await until("nothing held", () => context.pipeline.bytes.usedBytes === 0);
  assert.deepEqual(context.logged, []);
}

/** Sends the bytes over a connection of their own and waits for what comes of it, if anything should. */
async function send(port: number, request: string, isVain: boolean): Promise<Ending> {
  const client = new RawClient(port);
  client.socket.write(Buffer.from(request, "latin1"));
  const endMs = performance.now() + SILENCE_MS;
  await until(`an ending of ${JSON.stringify(request.slice(0, 80))}`, () => {
    const isOver = client.isClosed || client.text !== "";
    return isOver || (isVain && performance.now() > endMs);
  });
  if (client.text !== "") await settled(client);
  client.destroy();
  return describeAnswer(client.text);
}

/** A second answer would follow the first at once. */
async function settled(client: RawClient): Promise<void> {
  for (let before = -1; before !== client.text.length; ) {
    before = client.text.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function describeAnswer(text: string): Ending {
  const answers = text.match(/HTTP\/1\.1 \d{3}/g) ?? [];
  if (answers.length > 1) return `${answers.length} answers`;
  if (answers[0] === undefined) return "none";
  const status = answers[0].slice(-3);
  if (status === "200") return text.includes('"data":[6]') ? "200" : "200, but wrong";
  const [, code] = /"code":"([a-z-]+)"/.exec(text) ?? [];
  return code === undefined ? status : `${status} ${code}`;
}
