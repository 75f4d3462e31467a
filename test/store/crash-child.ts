// The process that test/store/crash.test.ts kills: writes decisions without end and prints each once it is acknowledged.
import { writeSync } from 'node:fs';
import { decideAttestations } from '../../store/attestations.ts';
import { decideStep } from '../../store/line.ts';
import { openStore } from '../../store/open.ts';
import { claim, NOW } from './fixture.ts';
import { beginLine, step } from './line-fixture.ts';

const [path, start] = process.argv.slice(2);
if (path === undefined || start === undefined) throw new Error('usage: crash-child.ts DATABASE FIRST');
const store = openStore(path);
const { db } = store;
beginLine(store);
for (let n = Number(start); ; n++) {
  const [verdict] = decideAttestations(db, [claim(n)], NOW);
  if (verdict?.ok === true) writeSync(1, `attested ${n}\n`);
  if (decideStep(db, step({ burns: [n], swept: [n] }), NOW).ok) writeSync(1, `decided ${n}\n`);
}
