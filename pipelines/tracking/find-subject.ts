import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { afterPrefix } from "./after-prefix.ts";
import { TrackingError } from "./tracking-error.ts";

/** `run:ID`, or a subject as in store/subject.ts. */
export type NamedSubject = string;

/** A thing may have the id of the run that made it: it comes first, and its story tells of the run. */
const KINDS = [
  ["candidate", "candidates"],
  ["window", "windows"],
  ["batch", "batches"],
  ["capture", "captures"],
  ["labels", "label_files"],
  ["run", "runs"],
] as const;
const MAX_FOUND = 5;

/**
 * What a person meant: a subject as it stands (`model:churn@2`), `NAME@N`, a name, or an id or its
 * beginning.
 * @throws TrackingError when it is nothing in the store, or several things
 */
export async function findSubject(store: StoreReader, text: string): Promise<NamedSubject> {
  if (text.includes(":")) return assertKnown(store, text);
  const found = [...firstOfName(await findNames(store, text)), ...(await findIds(store, text))];
  const [first, ...others] = found;
  if (first === undefined) {
    throw new TrackingError(
      `expected an id, a name or NAME@VERSION that is in the store, came '${text}'`,
    );
  }
  if (others.length === 0) return first;
  const exact = found.filter((each) => nameOf(each) === text);
  const [only] = exact;
  if (only !== undefined && (exact.length === 1 || !isNamed(only))) return only;
  if (only === undefined && others.every((each) => nameOf(each) === nameOf(first))) return first;
  throw new TrackingError(
    `expected one thing, came '${text}', which may be ${found.slice(0, MAX_FOUND).join(", ")}`,
  );
}

function nameOf(subject: string): string {
  return subject.slice(subject.indexOf(":") + 1);
}

/** By a name that a person chose, which several things may have. */
function isNamed(subject: string): boolean {
  return !KINDS.some(([kind]) => subject.startsWith(`${kind}:`));
}

/** A feed or outlet is often called as its dataset; it is told apart by `feed:NAME`. */
function firstOfName(subjects: readonly string[]): readonly string[] {
  const main = subjects.filter((each) => /^(model|dataset):/.test(each));
  return main.length > 0 ? main : subjects;
}

async function findIds(store: StoreReader, text: string): Promise<readonly string[]> {
  if (text === "") return [];
  const found: string[] = [];
  for (const [kind, table] of KINDS) {
    const rows = await store
      .selectFrom(table)
      .select("id")
      .where("id", ">=", text)
      .where("id", "<", afterPrefix(text))
      .orderBy("id")
      .limit(MAX_FOUND)
      .execute();
    found.push(...rows.map(({ id }) => `${kind}:${id}`));
  }
  return found;
}

async function findNames(store: StoreReader, text: string): Promise<readonly string[]> {
  const versioned = /^(.+)@([0-9]+)$/.exec(text);
  if (versioned !== null) {
    return findVersions(store, versioned[1] ?? "", Number(versioned[2]));
  }
  const found: string[] = [];
  const batch = store.selectFrom("batches").select("id").where("dataset", "=", text);
  const candidate = store.selectFrom("candidates").select("id").where("model", "=", text);
  const feed = store.selectFrom("feeds").select("name").where("name", "=", text);
  const outlet = store.selectFrom("outlets").select("name").where("name", "=", text);
  if (await isThere(batch)) found.push(subjectOf.dataset(text));
  if (await isThere(candidate)) found.push(subjectOf.model(text));
  if (await isThere(feed)) found.push(subjectOf.feed(text));
  if (await isThere(outlet)) found.push(subjectOf.outlet(text));
  return found;
}

async function findVersions(
  store: StoreReader,
  name: string,
  version: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  const model = store
    .selectFrom("candidates")
    .select("id")
    .where("model", "=", name)
    .where("version", "=", version);
  const dataset = store
    .selectFrom("dataset_versions")
    .select("version")
    .where("dataset", "=", name)
    .where("version", "=", version);
  if (await isThere(model)) found.push(subjectOf.model(name, version));
  if (await isThere(dataset)) found.push(subjectOf.dataset(name, version));
  return found;
}

async function isThere(query: {
  limit(count: number): { executeTakeFirst(): Promise<unknown> };
}): Promise<boolean> {
  return (await query.limit(1).executeTakeFirst()) !== undefined;
}

/** A subject as it stands must be of a row, an edge or an event. */
async function assertKnown(store: StoreReader, subject: string): Promise<NamedSubject> {
  const [kind = "", ...rest] = subject.split(":");
  const name = rest.join(":");
  const known = [...(await findNames(store, name)), ...(await findExactIds(store, name))];
  if (known.includes(subject)) return subject;
  const edge = store.selectFrom("edges").select("run_id").where("subject", "=", subject);
  const event = store.selectFrom("events").select("seq").where("subject", "=", subject);
  if ((await isThere(edge)) || (await isThere(event))) return subject;
  throw new TrackingError(`expected a ${kind} that is in the store, came '${subject}'`);
}

async function findExactIds(store: StoreReader, id: string): Promise<readonly string[]> {
  return (await findIds(store, id)).filter((each) => each.endsWith(`:${id}`));
}
