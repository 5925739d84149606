/**
 * A shop's orders, day by day, for tests of the whole loop: numbers, categories, missing values, an
 * e-mail address, and whether the parcel came late. The same seed gives the same orders.
 */
export interface Order {
  readonly id: number;
  readonly placedAt: Date;
  readonly email: string;
  readonly country: string | null;
  readonly channel: string;
  readonly weightKg: number | null;
  readonly items: number;
  readonly late: boolean;
}

/** `changed`: most orders come through the marketplace, whose heavy parcels are the punctual ones. */
export type Regime = "usual" | "changed";

export interface OrdersOptions {
  readonly seed: number;
  readonly firstId: number;
  readonly count: number;
  /** The first is placed then; they are spread over 20 hours. */
  readonly fromMs: number;
  readonly regime: Regime;
}

const SPREAD_MS = 20 * 3_600_000;
const COUNTRIES = ["AT", "CH", "DE", "FR", "NL", "PL"];
const COUNTRY_EFFECT: Readonly<Record<string, number>> = { CH: 1.2, PL: 0.8, DE: -0.6 };
const MARKETPLACE_SHARE: Readonly<Record<Regime, number>> = { usual: 0.05, changed: 0.65 };
const MEAN_WEIGHT_KG = 6;

export function makeOrders(options: OrdersOptions): Order[] {
  const random = randomStream(options.seed);
  return Array.from({ length: options.count }, (_, index) => makeOrder(options, index, random));
}

function makeOrder(
  { firstId, count, fromMs, regime }: OrdersOptions,
  index: number,
  random: () => number,
): Order {
  const country = random() < 0.04 ? null : pick(COUNTRIES, random);
  const channel = pickChannel(regime, random);
  const weightKg = Number((MEAN_WEIGHT_KG * (0.2 + 1.6 * random())).toFixed(2));
  const items = 1 + Math.floor(6 * random() ** 2);
  const isLate = random() < lateness({ country, channel, weightKg, items });
  const id = firstId + index;
  return {
    id,
    placedAt: new Date(fromMs + Math.round((SPREAD_MS * index) / count)),
    email: `customer${id % 97}@example.org`,
    country,
    channel,
    weightKg: random() < 0.03 ? null : weightKg,
    items,
    late: isLate,
  };
}

function pickChannel(regime: Regime, random: () => number): string {
  if (random() < MARKETPLACE_SHARE[regime]) return "marketplace";
  return random() < 0.6 ? "web" : "app";
}

interface Causes {
  readonly country: string | null;
  readonly channel: string;
  readonly weightKg: number;
  readonly items: number;
}

/** Probability of a late parcel. */
function lateness({ country, channel, weightKg, items }: Causes): number {
  const direction = channel === "marketplace" ? -1 : 1;
  const weight = 0.9 * direction * (weightKg - MEAN_WEIGHT_KG);
  const logit = weight + (COUNTRY_EFFECT[country ?? ""] ?? 0) + 0.3 * (items - 3);
  return 1 / (1 + Math.exp(-logit));
}

function pick(values: readonly string[], random: () => number): string {
  return values[Math.floor(random() * values.length)] ?? "";
}

/** Mulberry32. */
function randomStream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
