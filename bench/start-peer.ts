import { startPeer } from "./peers/peer.ts";
import type { RunningServer } from "./running-server.ts";

/**
 * A server of bench/peers.
 * @param cores that it may use, as `taskset -c` takes them; null: all
 * @throws Error with the reason when it cannot run here
 */
export async function startPeerServer(
  name: string,
  modelFile: string,
  modelName: string,
  cores: string | null,
  log: (line: string) => void,
): Promise<RunningServer> {
  const options = { modelFile, modelName, intraOpThreads: null, cpus: cores };
  const peer = await startPeer(name, options, log);
  const { endpoints } = peer;
  return { name, endpoints, apiKey: null, pids: () => peer.pids(), stop: () => peer.stop() };
}
