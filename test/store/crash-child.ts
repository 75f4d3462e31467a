// The process that test/store/crash.test.ts kills: writes decisions without end and prints each once it is acknowledged.
import { writeSync } from 'node:fs';
import { decideAttestations } from '../../store/attestations.ts';
import { recordBurn } from '../../store/burns.ts';
import { openStore } from '../../store/open.ts';
import { decidePayout } from '../../store/payouts.ts';
import { burn, claim, NOW, payout } from './fixture.ts';

const [path, start] = process.argv.slice(2);
if (path === undefined || start === undefined) throw new Error('usage: crash-child.ts DATABASE FIRST');
const { db } = openStore(path);
for (let n = Number(start); ; n++) {
  const [verdict] = decideAttestations(db, [claim(n)], NOW);
  if (verdict?.ok === true) writeSync(1, `attested ${n}\n`);
  recordBurn(db, burn(n), NOW);
  if (decidePayout(db, payout([n], [n]), NOW).ok) writeSync(1, `decided ${n}\n`);
}
