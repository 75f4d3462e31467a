// Draws the charts of a report. The drawing stretches to whatever width there is, and its texts are HTML around it, so that they
// stay readable on a narrow screen. Drawings hold no text, no style and no script.
import type { Chart, DaysChart, SharesChart } from './charts.ts';
import { type Html, html } from './markup.ts';

/** The drawing's own units; it is stretched. */
const WIDTH = 1_000;
const HEIGHT = 400;
const TICKS = 4;
/** Up to so many days each have their date below; else the first, the middle and the last one. */
const DATED_DAYS_MAX = 7;
/** Bars of so few days are drawn on less than the whole width. */
const FEW_DAYS_MAX = 3;
/** The part of a day's place that its bars leave free. */
const BAR_GAP = 0.3;

/** A chart with its title, its legend and a text for those who do not see it. */
export function drawing(chart: Chart): Html {
  const legend = chart.kind === 'shares' ? chart.parts : chart.series.map(({ name }) => name);
  return html`<figure class="chart ${chart.kind}">
<figcaption>${chart.title}</figcaption>
<ul class="legend" aria-hidden="true">${legend.map((name, at) => html`<li><span class="key c${at}"></span>${name}</li>`)}</ul>
${chart.kind === 'shares' ? shares(chart) : days(chart)}
</figure>
`;
}

function days(chart: DaysChart): Html {
  const top = roundTop(Math.max(...chart.series.flatMap(({ values }) => values), 0));
  const ticks = Array.from({ length: TICKS + 1 }, (_, at) => (top * (TICKS - at)) / TICKS);
  const grid = ticks.map((_, at) => {
    const y = fixed((HEIGHT * at) / TICKS);
    return html`<line class="grid" x1="0" x2="${WIDTH}" y1="${y}" y2="${y}"/>`;
  });
  const { dates } = chart;
  const every = dates.length <= DATED_DAYS_MAX;
  // Of an even number of days none is in the middle.
  const middle = dates.length % 2 === 1 ? [dates[(dates.length - 1) / 2]] : [];
  const shown = every ? dates.map((date) => date.slice(5)) : [dates[0], ...middle, dates.at(-1)];
  return html`<div class="plot${dates.length <= FEW_DAYS_MAX ? ' few' : ''}">
<ol class="ticks" aria-hidden="true">${ticks.map((tick) => html`<li>${tickText(tick)}</li>`)}</ol>
<svg role="img" aria-label="${chart.text}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${grid}${
    chart.kind === 'bars' ? bars(chart, top) : lines(chart, top)
  }</svg>
<ol class="dates ${every && chart.kind === 'bars' ? 'each' : 'some'}" aria-hidden="true">${shown.map((date) => html`<li>${date}</li>`)}</ol>
</div>`;
}

function bars({ dates, series }: DaysChart, top: number): Html {
  const place = WIDTH / Math.max(1, dates.length);
  const width = (place * (1 - BAR_GAP)) / Math.max(1, series.length);
  return html`${series.map(({ values }, of) =>
    values.map((value, at) => {
      if (value === 0) return null;
      const height = (HEIGHT * value) / top;
      const x = place * at + (place * BAR_GAP) / 2 + width * of;
      return html`<rect class="c${of}" x="${fixed(x)}" y="${fixed(HEIGHT - height)}" width="${fixed(width)}" height="${fixed(height)}"/>`;
    }),
  )}`;
}

function lines({ dates, series }: DaysChart, top: number): Html {
  const step = WIDTH / Math.max(1, dates.length - 1);
  return html`${series.map(({ values }, of) => {
    const points = values.map((value, at) => `${fixed(step * at)},${fixed(HEIGHT - (HEIGHT * value) / top)}`);
    return html`<polyline class="line c${of}" points="${points.join(' ')}"/>`;
  })}`;
}

function shares({ rows, text }: SharesChart): Html {
  return html`<div class="rows" role="img" aria-label="${text}">${rows.map(({ name, note, values }) => {
    const total = Math.max(
      1,
      values.reduce((sum, value) => sum + value, 0),
    );
    let x = 0;
    const parts = values.map((value, at) => {
      const width = (WIDTH * value) / total;
      const drawn = html`<rect class="c${at}" x="${fixed(x)}" y="0" width="${fixed(width)}" height="10"/>`;
      x += width;
      return value === 0 ? null : drawn;
    });
    return html`<div class="row"><span class="name">${name}</span><span class="note">${note}</span>
<svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none">${parts}</svg></div>`;
  })}</div>`;
}

// The next of 1, 2, 4, 5, 8 or 10 times a power of ten, so that quarters of it read well; sats are the smallest step.
function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function tickText(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 8 });
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}
