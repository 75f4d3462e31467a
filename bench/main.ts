// `npm run bench`: measures every figure, prints a table, and writes bench/results.json. `-- --only NAME` runs the
// measurements whose name holds NAME, `-- --quick` takes fewer rounds. Ends with 1 where a figure misses its target.
// docs/PERFORMANCE.md says what each figure means.
import { parseArgs } from 'node:util';
import { batches } from './batches.ts';
import { blockScanRatio } from './block-scan.ts';
import { depositCost } from './deposit-cost.ts';
import { deposits } from './deposits.ts';
import { dkgCpu } from './dkg-cpu.ts';
import { dkgFederation } from './dkg-federation.ts';
import type { BenchOptions, Figure, Report } from './measure.ts';
import { oneRound } from './one-round.ts';
import { figureTable } from './results.ts';
import { robust } from './robust.ts';
import { secretTiming } from './secret-timing.ts';
import { signersCpu } from './signers-cpu.ts';

const MEASUREMENTS: Readonly<Record<string, (options: BenchOptions) => Promise<Report>>> = {
  'one-round': oneRound,
  batches,
  robust,
  'signers-cpu': signersCpu,
  'secret-timing': secretTiming,
  'dkg-cpu': dkgCpu,
  'dkg-federation': dkgFederation,
  'block-scan': async () => ({ figures: [await blockScanRatio()], notes: [] }),
  'deposit-cost': depositCost,
  'deposits-automatic': deposits,
};
const RESULTS_FILE = new URL('./results.json', import.meta.url).pathname;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
  const { only = '', quick } = values;
  const chosen = Object.entries(MEASUREMENTS).filter(([name]) => name.includes(only));
  if (chosen.length === 0) {
    console.error(`There is no measurement named ${only}: ${Object.keys(MEASUREMENTS).join(', ')}.`);
    return 2;
  }
  const figures: Figure[] = [];
  for (const [name, measure] of chosen) {
    console.log(`${name} …`);
    const report = await measure({ quick });
    figures.push(...report.figures);
    for (const note of report.notes) console.log(`  ${note}`);
  }
  console.log(`\n${figureTable(figures)}`);
  await Bun.write(RESULTS_FILE, `${JSON.stringify(figures, null, 2)}\n`);
  return figures.every((figure) => figure.pass) ? 0 : 1;
}

process.exitCode = await main();
