import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { makeCertificate, placePair } from "../../testing/make-certificate.ts";
import { until } from "../testing/clients.ts";
import { createFakeContext, TEST_OPTIONS } from "../testing/fake-context.ts";
import { limitsContract } from "../testing/limits-contract.ts";
import type { Rig } from "../testing/rig.ts";
import { shutdownContract } from "../testing/shutdown-contract.ts";
import { streamContract } from "../testing/stream-contract.ts";
import { relayed } from "../testing/tls-relay.ts";
import { loadUws } from "./load-uws.ts";
import { createNodeListener } from "./node-listener.ts";
import { createUwsListener } from "./uws-listener.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-tls-"));
after(() => rmSync(root, { recursive: true, force: true }));

const PLAIN: readonly (Rig & { readonly skip: string | null })[] = [
  {
    name: "uWebSockets.js",
    create: createUwsListener,
    canPipeline: false,
    skip: loadUws().reason,
  },
  { name: "node:http", create: createNodeListener, canPipeline: true, skip: null },
];

for (const { name, create, canPipeline, skip } of PLAIN) {
  const pair = makeCertificate("contract");
  const tls = placePair(mkdtempSync(join(root, "pair-")), pair);
  const secured: Rig = {
    name: `${name} with TLS`,
    canPipeline,
    create: async (context, options) =>
      relayed(await create(context, { ...options, tls }), pair.certPem),
  };
  // What TLS could change: sizes, time, back-pressure, streams, ends.
  describe(`transport contract: ${secured.name}`, { skip: skip ?? false }, () => {
    limitsContract(secured);
    streamContract(secured);
    shutdownContract(secured);
  });

  describe(`certificates: ${name}`, { skip: skip ?? false }, () => {
    test("a new one is for new connections; those that are open go on, with their requests", () =>
      withListener(create, async ({ port, listener, folder, first }) => {
        const second = makeCertificate("second");
        const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: first.certPem });
        assert.equal(await liveVia(port, agent), "first");
        const stream = new WebSocket(`wss://127.0.0.1:${port}/v2/stream`, { ca: first.certPem });
        await new Promise((resolve) => stream.once("open", resolve));
        placePair(folder, second);
        await listener.renewCertificate();
        const fresh = () => new Agent({ ca: second.certPem });
        // With SO_REUSEPORT the old door may take one more until it is shut, a turn later.
        await new Promise((resolve) => setTimeout(resolve, 50));
        for (let i = 0; i < 10; i += 1) assert.equal(await liveVia(port, fresh()), "second");
        assert.equal(await liveVia(port, agent), "first");
        stream.send("{");
        const [frame] = await new Promise<unknown[]>((resolve) =>
          stream.once("message", (...args) => resolve(args)),
        );
        assert.equal(JSON.parse(String(frame)).code, "invalid-argument");
        stream.terminate();
        agent.destroy();
      }));

    test("a broken pair leaves the one before in use, and says what is wrong", () =>
      withListener(create, async ({ port, listener, folder, first, files }) => {
        const agent = () => new Agent({ ca: first.certPem });
        writeFileSync(files.certFile, makeCertificate("other").certPem);
        await assert.rejects(listener.renewCertificate(), /tlsKeyFile/);
        assert.equal(await liveVia(port, agent()), "first");
        writeFileSync(files.certFile, "no certificate");
        await assert.rejects(listener.renewCertificate(), /tlsCertFile/);
        assert.equal(await liveVia(port, agent()), "first");
        placePair(folder, makeCertificate("third"));
        await listener.renewCertificate();
      }));

    test("speaks TLS 1.2 and later only, and plain text not at all", () =>
      withListener(create, async ({ port, first }) => {
        const handshake = (options: object) =>
          new Promise<string | null>((resolve) => {
            const socket: TLSSocket = connect(
              { port, host: "127.0.0.1", ca: first.certPem, ...options },
              () => {
                resolve(socket.getProtocol());
                socket.destroy();
              },
            );
            socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
          });
        assert.equal(await handshake({}), "TLSv1.3");
        assert.equal(await handshake({ maxVersion: "TLSv1.2" }), "TLSv1.2");
        const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
        assert.doesNotMatch((await handshake(old)) ?? "", /^TLSv1(\.1)?$/);
        await assert.rejects(fetch(`http://127.0.0.1:${port}/v2/health/live`));
      }));
  });
}

interface Secured {
  readonly port: number;
  readonly listener: Awaited<ReturnType<Rig["create"]>>;
  readonly folder: string;
  readonly files: { readonly certFile: string; readonly keyFile: string };
  readonly first: ReturnType<typeof makeCertificate>;
}

async function withListener(
  create: Rig["create"],
  body: (secured: Secured) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(root, "pair-"));
  const first = makeCertificate("first");
  const files = placePair(folder, first);
  const context = createFakeContext();
  const listener = await create(context, { ...TEST_OPTIONS, tls: files });
  try {
    await body({ port: listener.port, listener, folder, files, first });
  } finally {
    await listener.close(5000);
  }
  await until("the connections to be counted off", () => context.connections.open === 0);
}

/** The name in the certificate under which a live probe was answered. */
function liveVia(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path: "/v2/health/live", agent }, (res) => {
      const name = (res.socket as TLSSocket).getPeerCertificate().subject.CN;
      assert.equal(res.statusCode, 200);
      res.resume().on("end", () => resolve(String(name)));
    });
    request.on("error", reject);
  });
}
