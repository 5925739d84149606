import type { Series, SeriesPoint } from "../scenarios/figure.ts";

/** A plot as SVG text, drawn with CSS classes so that the page decides the colours. */

const WIDTH = 760;
const ROW = 26;
const LABELS = 250;
const VALUES = 90;
const LINE_HEIGHT = 320;
const MARGIN = { left: 64, right: 16, top: 14, bottom: 42 };
const TICKS = 5;
/** Classes c0 to c7 of the page. */
export const COLOURS = 8;

/** REQUIRES: all series are of the same plot, so of the same kind and axes. */
export function renderPlot(series: readonly Series[]): string {
  if (series.every((each) => each.points.length === 0)) return "";
  return series[0]?.kind === "line" ? renderLines(series) : renderBars(series);
}

/** Horizontal bars, grouped by label, with the spread of the repeats as a whisker. */
function renderBars(series: readonly Series[]): string {
  const labels = [...new Set(series.flatMap((each) => each.points.map((point) => point.x)))];
  const rows = labels.flatMap((label) =>
    series.flatMap((each, colour) => {
      const point = each.points.find(({ x }) => x === label);
      return point === undefined ? [] : [{ label: `${label} · ${each.name}`, point, colour }];
    }),
  );
  const most = Math.max(...rows.map(({ point }) => point.high ?? point.y), Number.MIN_VALUE);
  const x = (value: number) => LABELS + (value / most) * (WIDTH - LABELS - VALUES);
  const drawn = rows.map(({ label, point, colour }, row) => {
    const y = row * ROW;
    return [
      text(LABELS - 8, y + 17, label, "end"),
      `<rect class="c${colour % COLOURS}" x="${LABELS}" y="${y + 4}" width="${at(x(point.y) - LABELS)}" height="${ROW - 10}"/>`,
      whisker(point, x, y + ROW / 2 - 1),
      text(x(point.high ?? point.y) + 6, y + 17, short(point.y), "start"),
    ].join("");
  });
  const height = rows.length * ROW + 24;
  return svg(height, [...drawn, text(LABELS, height - 6, series[0]?.yAxis ?? "", "start")]);
}

function whisker(point: SeriesPoint, x: (value: number) => number, y: number): string {
  if (point.low === null || point.high === null) return "";
  return `<path class="whisker" d="M${at(x(point.low))} ${y}H${at(x(point.high))}"/>`;
}

function renderLines(series: readonly Series[]): string {
  const points = series.flatMap((each) => each.points);
  const xs = points.map((point) => Number(point.x));
  const left = Math.min(...xs);
  const right = Math.max(...xs);
  const top = Math.max(...points.map((point) => point.y), Number.MIN_VALUE);
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const plotHeight = LINE_HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = (value: number) => MARGIN.left + ((value - left) / (right - left || 1)) * plotWidth;
  const y = (value: number) => MARGIN.top + (1 - value / top) * plotHeight;
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => i / TICKS);
  const grid = ticks.map((share) => {
    const level = at(y(share * top));
    const rule = `<path class="grid" d="M${MARGIN.left} ${level}H${WIDTH - MARGIN.right}"/>`;
    return rule + text(MARGIN.left - 6, Number(level) + 4, short(share * top), "end");
  });
  const marks = ticks.map((share) => {
    const value = left + share * (right - left);
    return text(x(value), LINE_HEIGHT - MARGIN.bottom + 16, short(value), "middle");
  });
  const lines = series.map((each, colour) => {
    if (each.points.length === 0) return "";
    const path = each.points.map((point) => `${at(x(Number(point.x)))} ${at(y(point.y))}`);
    return `<path class="line s${colour % COLOURS}" d="M${path.join("L")}"/>`;
  });
  const axes = [
    text(WIDTH / 2, LINE_HEIGHT - 6, series[0]?.xAxis ?? "", "middle"),
    text(4, 11, series[0]?.yAxis ?? "", "start"),
  ];
  return svg(LINE_HEIGHT, [...grid, ...marks, ...lines, ...axes]);
}

function svg(height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${parts.join("")}</svg>`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${escapeMarkup(words)}</text>`;
}

function at(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(0)}k`;
  return Number(value.toPrecision(3)).toString();
}

export function escapeMarkup(words: string): string {
  return words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
