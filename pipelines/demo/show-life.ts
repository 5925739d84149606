import { closingTable } from "./closing-table.ts";
import type { Clients } from "./connect-clients.ts";
import { EventFollower } from "./event-follower.ts";
import { FlightDays } from "./flight-days.ts";
import { FLIGHT_OUTLET, type FlightProject } from "./flight-project.ts";
import { liveFlights } from "./flight-story.ts";
import { createPipelinesClient } from "./pipelines-client.ts";
import type { Say } from "./say.ts";
import type { Endpoints } from "./up-process.ts";

export interface LifeParts {
  readonly endpoints: Endpoints;
  readonly clients: Clients;
  readonly project: FlightProject;
  /** The Parquet file of the flights. */
  readonly flights: string;
  readonly io: { readonly stdout: { write(text: string): unknown } };
  readonly say: Say;
  readonly signal: AbortSignal;
}

const FEED_PAGE = 10_000;

/** Lets the flight model live, tells it as it happens, and says at the end what each component did. Returns its last version. */
export async function showLife(parts: LifeParts): Promise<number> {
  const { endpoints, clients, project, say, signal, io } = parts;
  const pipelines = createPipelinesClient(endpoints.pipelinesUrl, signal);
  const follower = new EventFollower(pipelines, say, Date.now(), signal);
  const days = await FlightDays.open(parts.flights, project.daysFolder);
  try {
    const story = { clients, pipelines, follower, days, project, say, signal };
    const traffic = await liveFlights(story);
    const feedRows = (await pipelines.feedLines(FLIGHT_OUTLET, FEED_PAGE)).length;
    const series = await countSeries([endpoints.metricsUrl, endpoints.pipelinesMetricsUrl], signal);
    const facts = await follower.catchUp();
    const table = closingTable(facts, { traffic, feedRows, series });
    io.stdout.write(`\nWhat each component did:\n${table}\n`);
    return facts.versions.at(-1) ?? 1;
  } finally {
    days.close();
  }
}

async function countSeries(urls: readonly string[], signal: AbortSignal): Promise<number> {
  const pages = await Promise.all(urls.map(async (url) => (await fetch(url, { signal })).text()));
  return pages
    .flatMap((page) => page.split("\n"))
    .filter((line) => line !== "" && !line.startsWith("#")).length;
}
