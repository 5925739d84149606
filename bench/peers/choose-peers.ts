import type { PeerStatus } from "./peer.ts";

/** The peers that were asked for. */
export interface ChosenPeers {
  /** Names, in the order asked for. */
  readonly startable: readonly string[];
  /** Those that cannot be started here. */
  readonly absent: readonly AbsentPeer[];
}

export interface AbsentPeer {
  readonly name: string;
  readonly reason: string;
}

/**
 * @param known every peer
 * @param names as given to `--peers`; with `all` among them every peer
 * @throws Error that names what is not known
 */
export function choosePeers(known: readonly PeerStatus[], names: readonly string[]): ChosenPeers {
  const asked = names.includes("all") ? known : names.map((name) => statusOf(known, name));
  return {
    startable: asked.flatMap(({ name, reason }) => (reason === null ? [name] : [])),
    absent: asked.flatMap(({ name, reason }) => (reason === null ? [] : [{ name, reason }])),
  };
}

function statusOf(known: readonly PeerStatus[], name: string): PeerStatus {
  const status = known.find((each) => each.name === name);
  if (status !== undefined) return status;
  const names = known.map((each) => each.name).join(", ");
  throw new Error(`no peer '${name}'; there are ${names} (or all)`);
}
