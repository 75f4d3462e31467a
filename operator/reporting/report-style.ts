// The style of a report's HTML. Texts have a contrast of at least 4.5 to their ground and drawings of 3 in both schemes (WCAG AA);
// a test computes it.

/** Colours by name, light and dark. `c0` … `c4`: series of a chart; of shares, from fast to slow. */
export const REPORT_COLOURS = {
  light: {
    ...{ ground: '#ffffff', text: '#1b1f24', faint: '#57606a', rule: '#d0d7de' },
    ...{ c0: '#0b5fa5', c1: '#b45309', s0: '#6292c2', s1: '#3c78b4', s2: '#1f64a0', s3: '#a05a00', s4: '#7a1f1f' },
  },
  dark: {
    ...{ ground: '#0f1419', text: '#e6edf3', faint: '#9aa7b4', rule: '#30363d' },
    ...{ c0: '#6cb6ff', c1: '#f0a35e', s0: '#3f6f9f', s1: '#5b93c9', s2: '#8fc3f5', s3: '#e0a458', s4: '#f08080' },
  },
} as const;

function variables(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');
}

/** The style sheet. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;${variables(REPORT_COLOURS.light)}}
@media (prefers-color-scheme:dark){:root{${variables(REPORT_COLOURS.dark)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem;padding-bottom:.25rem;border-bottom:1px solid var(--rule)}
p{margin:.5rem 0;max-width:45rem}
dl{margin:0 0 1rem}
dl div{display:grid;grid-template-columns:minmax(9rem,14rem) minmax(0,1fr);gap:0 1rem;padding:.2rem 0}
dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
figure{margin:1.25rem 0 1.75rem}
figcaption{font-weight:600}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.25rem 0 .75rem;padding:0;color:var(--faint);font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.4rem}
.key{width:.8rem;height:.8rem;flex:none}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 .5rem}
.plot svg{width:100%;height:15rem;margin:.6rem 0;display:block;overflow:visible}
.plot.few{max-width:24rem}
.ticks{list-style:none;margin:0;padding:0;display:flex;flex-direction:column;justify-content:space-between;text-align:right;color:var(--faint);font-size:.75rem;line-height:1.2rem;font-variant-numeric:tabular-nums}
.dates{list-style:none;grid-column:2;margin:0;padding:0;display:flex;color:var(--faint);font-size:.75rem;font-variant-numeric:tabular-nums}
.dates.some{justify-content:space-between}
.dates.each li{flex:1;text-align:center}
.grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.line{fill:none;stroke-width:2.5;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.line.c0{stroke:var(--c0)}
.line.c1{stroke:var(--c1);stroke-dasharray:7 4}
rect.c0{fill:var(--c0)}
rect.c1{fill:var(--c1)}
.key.c0{background:var(--c0)}
.key.c1{background:var(--c1)}
.lines .key{height:0;width:1.4rem;background:none;border-top:3px solid var(--c0)}
.lines .key.c1{border-top:3px dashed var(--c1)}
${[0, 1, 2, 3, 4].map((at) => `.shares rect.c${at}{fill:var(--s${at})}.shares .key.c${at}{background:var(--s${at})}`).join('\n')}
.shares rect{stroke:var(--ground);stroke-width:1.5;vector-effect:non-scaling-stroke}
.row{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 1rem;margin:.6rem 0}
.row .name{overflow-wrap:anywhere}
.row .note{color:var(--faint);font-size:.875rem}
.row svg{grid-column:1/-1;width:100%;height:1.1rem;display:block}
.scroll{overflow-x:auto;margin:1rem 0 1.5rem}
.scroll:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
table{border-collapse:collapse;min-width:100%;font-size:.875rem}
caption{text-align:left;color:var(--faint);padding-bottom:.35rem}
th,td{padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top;font-weight:400}
thead th{font-weight:600;vertical-align:bottom}
.number{text-align:right;font-variant-numeric:tabular-nums;padding-left:.5rem}
td.number{white-space:nowrap}
tbody th.text{min-width:6.5rem;overflow-wrap:break-word}
td.text{overflow-wrap:anywhere;min-width:10.5rem}
.total th,.total td{font-weight:600;border-top:2px solid var(--rule)}
@media (max-width:34rem){dl div{grid-template-columns:1fr;padding:.35rem 0}.plot svg{height:11rem}h1{font-size:1.35rem}}
@media print{
:root{color-scheme:light;${variables(REPORT_COLOURS.light)}}
body{font-size:10pt}
h1{font-size:16pt}
main{max-width:none;padding:0}
.scroll{overflow:visible}
table{font-size:8pt}
thead{display:table-header-group}
tr,figure,dl div{break-inside:avoid}
h2,caption,thead{break-after:avoid}
rect,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}
td,th{white-space:normal}
}
`;
