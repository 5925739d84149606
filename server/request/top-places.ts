/**
 * The first `count` of the places 0 to `length` - 1, in order, in one pass over them: only the kept
 * ones are held and sorted.
 * @param compare of two places: negative where the first comes before the second; never 0
 */
export function topPlaces(
  length: number,
  count: number,
  compare: (a: number, b: number) => number,
): readonly number[] {
  if (count === 0) return [];
  // A heap whose root is the last of the kept: what comes after it needs one comparison.
  const kept: number[] = [];
  for (let place = 0; place < length; place++) {
    if (kept.length < count) {
      kept.push(place);
      rise(kept, compare);
    } else if (compare(place, kept[0] as number) < 0) {
      kept[0] = place;
      sink(kept, compare);
    }
  }
  return kept.sort(compare);
}

function rise(heap: number[], compare: (a: number, b: number) => number): void {
  const place = heap.at(-1) as number;
  let at = heap.length - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (compare(heap[above] as number, place) > 0) break;
    heap[at] = heap[above] as number;
    at = above;
  }
  heap[at] = place;
}

function sink(heap: number[], compare: (a: number, b: number) => number): void {
  const place = heap[0] as number;
  let at = 0;
  for (let below = 1; below < heap.length; below = 2 * at + 1) {
    const other = below + 1;
    if (other < heap.length && compare(heap[other] as number, heap[below] as number) > 0) {
      below = other;
    }
    if (compare(place, heap[below] as number) > 0) break;
    heap[at] = heap[below] as number;
    at = below;
  }
  heap[at] = place;
}
