import { createHash } from "node:crypto";
import { JobError } from "../jobs/job-error.ts";
import type { Connector } from "../project/project.ts";
import {
  assertOrigin,
  placeOf,
  type RestAnswer,
  type RestClient,
  resolveUrl,
} from "./rest-client.ts";

export type RestConnector = Extract<Connector, { kind: "rest" }>;
export type RestRecord = Readonly<Record<string, unknown>>;
type Pagination = RestConnector["pagination"];

const MAX_PAGES = 10_000;

/**
 * Every record of an API, page by page. Pages by number or offset end with an empty page (a short one
 * proves nothing: servers cap the size that was asked for) or, after the first, with 404.
 * @param start the first page's URL, without the parameters of the pagination
 * Throws JobError for an answer of another form, and for pages that do not end.
 */
export async function* readPages(
  client: RestClient,
  connector: RestConnector,
  start: URL,
): AsyncGenerator<readonly RestRecord[]> {
  const { pagination, records: path } = connector;
  const pages = new Set<string>();
  let url: URL | null = firstPage(start, pagination);
  let rows = 0;
  for (let index = 0; url !== null; index += 1) {
    if (index === MAX_PAGES)
      throw new JobError(`${placeOf(start)} has more than ${MAX_PAGES} pages`);
    const answer = await client.get(url, index > 0 && pagination.kind === "page");
    const records = recordsOf(answer, path);
    assertNewPage(pages, records, url, start);
    rows += records.length;
    yield records;
    url = nextPage({ pagination, answer, url, index, rows, count: records.length });
    if (url !== null) assertOrigin(url, start.origin);
  }
}

/** The same rows under another number, or the same URL again: the server ignores what it is asked. */
function assertNewPage(
  pages: Set<string>,
  records: readonly RestRecord[],
  url: URL,
  start: URL,
): void {
  const text = createHash("sha256").update(JSON.stringify(records)).digest("base64url");
  // An empty page tells nothing: a filter may have emptied several.
  for (const mark of records.length === 0 ? [url.href] : [text, url.href]) {
    if (pages.has(mark))
      throw new JobError(`${placeOf(start)} gives the same page again and again`);
    pages.add(mark);
  }
}

function firstPage(start: URL, pagination: Pagination): URL {
  if (pagination.kind === "page") {
    const { param, first, size } = pagination;
    return withParams(start, { ...(size && { [size.param]: size.value }), [param]: first });
  }
  if (pagination.kind === "offset") {
    const { param, size } = pagination;
    return withParams(start, { [size.param]: size.value, [param]: 0 });
  }
  return start;
}

interface PageRead {
  readonly pagination: Pagination;
  readonly answer: RestAnswer;
  readonly url: URL;
  /** From 0. */
  readonly index: number;
  /** Read so far. */
  readonly rows: number;
  /** On this page. */
  readonly count: number;
}

function nextPage(page: PageRead): URL | null {
  const { pagination, answer, url } = page;
  switch (pagination.kind) {
    case "none":
      return null;
    case "page":
      if (page.count === 0) return null;
      return withParams(url, { [pagination.param]: pagination.first + page.index + 1 });
    case "offset":
      return page.count === 0 ? null : withParams(url, { [pagination.param]: page.rows });
    case "cursor": {
      const next = scalarAt(answer.body, pagination.path, url);
      return next === null ? null : withParams(url, { [pagination.param]: next });
    }
    case "nextUrl": {
      const next = scalarAt(answer.body, pagination.path, url);
      return next === null ? null : resolveUrl(next, answer.url);
    }
    case "linkHeader":
      return linkedNext(answer);
  }
}

function withParams(url: URL, params: Readonly<Record<string, string | number>>): URL {
  const next = new URL(url);
  for (const [name, value] of Object.entries(params)) next.searchParams.set(name, String(value));
  return next;
}

/** RFC 8288. Commas may stand within `<…>`. */
function linkedNext({ headers, url }: RestAnswer): URL | null {
  const links = (headers.get("link") ?? "").matchAll(/<([^>]*)>([^<]*)/g);
  for (const [, target, params] of links) {
    const relations = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(params ?? "");
    const names = (relations?.[1] ?? relations?.[2] ?? "").toLowerCase().split(/\s+/);
    if (names.includes("next")) return resolveUrl(target ?? "", url);
  }
  return null;
}

function scalarAt(body: unknown, path: string, url: URL): string | null {
  const value = valueAt(body, path);
  if (value === undefined || value === null || value === "" || value === false) return null;
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new JobError(`${placeOf(url)}: expected a text at ${path}, found ${kindOf(value)}`);
}

function recordsOf({ body, status, url }: RestAnswer, path: string): readonly RestRecord[] {
  if (status === 404) return [];
  const found = path === "" ? body : valueAt(body, path);
  if (!Array.isArray(found)) {
    const where = path === "" ? "the answer" : path;
    throw new JobError(`${placeOf(url)}: expected an array at ${where}, found ${kindOf(found)}`);
  }
  return found.map((record: unknown) => {
    if (isRecord(record)) return record;
    throw new JobError(`${placeOf(url)}: expected objects as records, found ${kindOf(record)}`);
  });
}

function valueAt(body: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, part) => {
    return isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }, body);
}

function isRecord(value: unknown): value is RestRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
