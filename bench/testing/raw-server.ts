import { createServer, type Socket } from "node:net";

/** Of a whole request; `n` counts from 0 over all connections. */
export type Respond = (socket: Socket, n: number) => void;

export interface RawServer {
  readonly url: string;
  /** Connections so far. */
  readonly connections: number;
  /** Whole requests so far. */
  readonly requests: number;
  close(): Promise<void>;
}

/** A server on loopback that reads whole HTTP/1.1 requests and may answer with any bytes at all. */
export async function startRawServer(respond: Respond): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let requests = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    let pending = "";
    socket.on("data", (chunk) => {
      pending += chunk.toString("latin1");
      for (let end = requestEnd(pending); end !== null; end = requestEnd(pending)) {
        pending = pending.slice(end);
        requests += 1;
        respond(socket, requests - 1);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    get requests() {
      return requests;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** null while the first request is not whole. */
function requestEnd(text: string): number | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  const length = /\r\ncontent-length: (\d+)\r\n/.exec(text.slice(0, headEnd + 2))?.[1] ?? "0";
  const end = headEnd + 4 + Number(length);
  return text.length < end ? null : end;
}

/** The same to every input of the fake model. */
export const RAW_BODY =
  '{"model_name":"double","outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}';

export function rawAnswer(body: string = RAW_BODY, headers: readonly string[] = []): string {
  const head = ["HTTP/1.1 200 OK", `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
