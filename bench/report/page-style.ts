/** Colours that stay apart for most eyes (Okabe and Ito, 2008), in both themes. */
const PALETTE = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#8c8c8c",
  "#b8a800",
];

const SERIES = PALETTE.map(
  (colour, i) => `.c${i}{fill:${colour}}.s${i}{stroke:${colour}}.b${i}{background:${colour}}`,
).join("");

/** Of the HTML report; follows the reader's light or dark setting. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--faint:#d7d7d7;--good:#00693e;--bad:#b00020;--unsure:#7a5c00}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#161616;--faint:#3c3c3c;--good:#5fd39b;--bad:#ff8a8a;--unsure:#e6c35c}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{border-bottom:1px solid var(--faint);padding:.25rem .6rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal}
.met{color:var(--good)}.missed{color:var(--bad)}.too-noisy{color:var(--unsure)}.warning{border-left:3px solid var(--unsure);padding-left:.7rem}
figure{margin:1.2rem 0}figcaption{font-weight:600}svg{height:auto;max-width:760px;width:100%}
svg text{fill:var(--ink);font-size:12px}.grid{stroke:var(--faint)}.line{fill:none;stroke-width:2}.whisker{stroke:var(--ink);stroke-width:1.5}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;margin:.2rem 0;padding:0}
.legend i{display:inline-block;height:.7em;margin-right:.4em;width:.7em}
${SERIES}`;
