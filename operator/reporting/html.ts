// A report as one HTML file: no script, nothing loaded from elsewhere, light and dark as the reader has it, fit for print. The
// policy in its head holds even a browser to that.
import { printable } from '../runtime/shown-text.ts';
import { Html, html } from './markup.ts';
import type { Report } from './report.ts';
import { REPORT_STYLE } from './report-style.ts';
import { type Section, sectionsOf, type Table, titleOf } from './sections.ts';
import { drawing } from './svg.ts';

/** The whole document. */
export function htmlOf(report: Report): string {
  const title = printable(titleOf(report));
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(REPORT_STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${sectionsOf(report).map(sectionOf)}</main>
</body>
</html>
`;
  return page.text;
}

function sectionOf({ title, facts = [], lines = [], chart, tables = [] }: Section): Html {
  return html`<section>
<h2>${title}</h2>
${facts.length === 0 ? null : html`<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${printable(value)}</dd></div>`)}</dl>\n`}${lines.map((line) => html`<p>${printable(line)}</p>\n`)}${
  chart === undefined || chart === null ? null : drawing(chart)
}${tables.map(tableOf)}</section>
`;
}

function tableOf({ caption, columns, rows, hasTotal }: Table): Html {
  const kind = (at: number): string => (columns[at]?.isNumber === true ? 'number' : 'text');
  const head = columns.map(({ title }, at) => html`<th scope="col" class="${kind(at)}">${title}</th>`);
  const body = rows.map((cells, row) => {
    const total = hasTotal === true && row === rows.length - 1 ? 'total' : '';
    return html`<tr class="${total}">${cells.map((cell, at) =>
      at === 0
        ? html`<th scope="row" class="${kind(at)}">${printable(cell)}</th>`
        : html`<td class="${kind(at)}">${printable(cell)}</td>`,
    )}</tr>\n`;
  });
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
<table>
<caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table>
</div>
`;
}
