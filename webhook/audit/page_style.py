"""The style of the page: light, dark, on paper. Fonts are the reader's own; contrast is WCAG AA or better."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #f7f9fa; --sheet: #ffffff; --ink: #13232e; --soft: #4c5d69; --line: #d5dee3;
  --denied: #b1271b; --later: #95590a; --unknown: #5d4a94; --clear: #26705b; --wash: #eaf0f3; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #0f1a21; --sheet: #16242d; --ink: #e4edf1; --soft: #a3b4be; --line: #2f424e;
  --denied: #ff8a7d; --later: #e9b35c; --unknown: #b9a6f2; --clear: #6cc4a8; --wash: #1e303b; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%; }
body { max-width: 72rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; overflow-wrap: anywhere; }
h1, h2 { font-family: "Iowan Old Style", Charter, "Palatino Linotype", Georgia, serif; line-height: 1.15;
  text-wrap: balance; }
h1 { font-size: clamp(2rem, 5vw, 3.25rem); font-weight: 600; margin: 0 0 1rem; letter-spacing: -0.015em; }
h2 { font-size: 1.6rem; font-weight: 600; margin: 3.5rem 0 0.75rem; }
h3 { font-size: 1.05rem; margin: 0; line-height: 1.4; }
p { margin: 0 0 0.5rem; }
code { font: 0.9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.eyebrow, .hint, .count, .meaning, .where, .totals, caption, .cut, footer, small { color: var(--soft); }
.eyebrow { margin-bottom: 1rem; }
.lead { max-width: 44rem; font-size: 1.1rem; }
.aside { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); }
.notice { border: 2px solid var(--denied); border-radius: 6px; padding: 0.75rem 1rem; margin-top: 1.25rem; }
.cut { font-style: italic; margin-top: 0.75rem; }
svg.bar { display: block; width: 100%; height: 0.6rem; }
section > svg.bar { height: 1.75rem; margin: 2.25rem 0 0; }
rect.denied { fill: var(--denied); } rect.later { fill: var(--later); }
rect.unknown { fill: var(--unknown); } rect.clear { fill: var(--clear); opacity: 0.45; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1.5rem; margin: 1.5rem 0; }
.figure { border-top: 3px solid var(--line); padding-top: 0.75rem; }
.figure.denied { border-color: var(--denied); } .figure.later { border-color: var(--later); }
.figure.unknown { border-color: var(--unknown); } .figure.clear { border-color: var(--clear); }
.figure dt { font-weight: 600; } .figure dd { margin: 0; }
.figure b { display: block; font-size: 2.25rem; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; color: var(--ink); }
.figure .meaning { font-size: 0.9rem; margin-top: 0.35rem; }
.mends { list-style: none; counter-reset: mend; padding: 0; margin: 1rem 0 0; }
.mends > li { counter-increment: mend; position: relative; padding: 1rem 1rem 0.75rem 3.5rem;
  border-top: 1px solid var(--line); }
.mends > li::before { content: counter(mend); position: absolute; left: 0.5rem; top: 0.75rem; font-size: 1.6rem;
  font-family: Charter, Georgia, serif; line-height: 1.2; color: var(--soft); }
.mends p { margin: 0.3rem 0 0; } .where { font-size: 0.9rem; }
.denied .gain strong { color: var(--denied); } .later .gain strong { color: var(--later); }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 3px solid var(--unknown); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
caption { text-align: left; padding-bottom: 0.5rem; }
th, td { text-align: left; vertical-align: top; padding: 0.5rem 0.75rem 0.5rem 0;
  border-bottom: 1px solid var(--line); }
thead th { font-size: 0.85rem; color: var(--soft); vertical-align: bottom; white-space: nowrap; }
tbody th { font-weight: 500; min-width: 11rem; max-width: 26rem; }
.images tbody th { min-width: 21rem; }
.meanings { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1.5rem; margin: 0; font-size: 0.95rem; }
.meanings dd { margin: 0; color: var(--soft); }
.amount { text-align: right; padding-right: 1.25rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.denied, td.later, td.unknown { font-weight: 600; }
td.denied { color: var(--denied); } td.later { color: var(--later); } td.unknown { color: var(--unknown); }
td.none { color: var(--soft); } td.clear { color: var(--ink); }
td.share { width: 16%; min-width: 7rem; padding-top: 0.95rem; }
td.codes { font-size: 0.85rem; min-width: 12rem; }
.mode { font-size: 0.8rem; color: var(--soft); border: 1px solid var(--line); border-radius: 1rem;
  padding: 0.05rem 0.55rem; font-weight: 400; }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: 0.6rem 0.25rem; }
summary:hover { background: var(--wash); }
.badge { display: inline-block; min-width: 11rem; font-size: 0.8rem; font-weight: 600; }
.badge::before { content: ""; display: inline-block; width: 0.6rem; height: 0.6rem; margin-right: 0.45rem;
  border-radius: 1px; background: currentColor; }
.badge.denied { color: var(--denied); } .badge.later { color: var(--later); }
.badge.unknown { color: var(--unknown); } .badge.clear, .badge.warned { color: var(--clear); }
summary .count { font-size: 0.9rem; }
.findings { list-style: none; margin: 0 0 1rem; padding: 0.25rem 1rem; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 6px; }
.findings > li { padding: 0.6rem 0; } .findings > li + li { border-top: 1px solid var(--line); }
.findings p { margin: 0.15rem 0; font-size: 0.95rem; }
.what { color: var(--soft); } .code { font-weight: 600; color: var(--ink); }
footer { margin-top: 4rem; font-size: 0.9rem; }
@media (max-width: 46rem) {
  body { padding: 1.75rem 1rem 3rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  .mends > li { padding-left: 2.5rem; } .mends > li::before { left: 0; }
  th.share, td.share { display: none; }
  .images tbody th { min-width: 12rem; }
  .meanings { grid-template-columns: 1fr; } .meanings dd { margin-bottom: 0.5rem; }
  .badge { display: block; }
}
@media print {
  :root { --paper: #fff; --sheet: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --denied: #b1271b; --later: #95590a; --unknown: #5d4a94; --clear: #26705b; }
  html { font-size: 10.5pt; } body { max-width: none; padding: 0; }
  h2 { margin-top: 2rem; break-after: avoid; }
  .mends > li, tr, .findings > li, .figure { break-inside: avoid; }
  .scroll { overflow: visible; }
  rect, .badge::before { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
}
"""
