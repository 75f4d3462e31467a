// A federation under steady load: real operators, a real Bitcoin node, deposits and burns for so many minutes. Tells the memory
// of each operator after a collection, minute by minute, and at the end holds every sum against the chain and the ledger.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Federation, startFederation } from '../devnet/federation.ts';
import type { DevnetOperator } from '../devnet/operator.ts';
import {
  burn,
  depositAddress,
  enableService,
  exchangeCards,
  goAutomatic,
  newRecipient,
  openTreasury,
  received,
  runDkg,
} from '../devnet/steps.ts';
import { until } from '../devnet/until.ts';

const DEPOSIT_SATS = 100_000n;
const BURN_SATS = 60_000n;
const BURN_FEE_SATS = 5_000n;
/** One burn for so many deposits. */
const DEPOSITS_PER_BURN = 20;
const TICKS_PER_MINUTE = 12;
const MINUTE_MS = 60_000;
/** Memory may grow by so much from minute 10 on. */
const GROWTH_MAX = 1.1;
const SETTLED_MINUTE = 10;
const DRAIN_TIMEOUT_MS = 300_000;
const COLLECT_TIMEOUT_MS = 30_000;
const MEBIBYTE = 1024 * 1024;
const PRELOAD = fileURLToPath(new URL('collect-on-signal.ts', import.meta.url));
const memorySchema = z.object({ live: z.number(), resident: z.number(), at: z.number() });

/** Of one process after a collection, in MiB: what the program holds, and all that the process takes. */
interface Memory {
  readonly live: number;
  readonly resident: number;
}

/** The deposits and burns that this run has made. */
interface Load {
  readonly recipients: string[];
  readonly burns: { readonly recipient: string; readonly address: string }[];
}

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    minutes: { type: 'string', default: '10' },
    'deposits-per-minute': { type: 'string', default: '180' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const minutes = Number(values.minutes);
const perMinute = Number(values['deposits-per-minute']);
if (values.help || !Number.isInteger(minutes) || minutes < 1 || !Number.isInteger(perMinute) || perMinute < 1) {
  console.error('Usage: npm run soak -- --minutes N --deposits-per-minute D     (both whole numbers, 1 or more)');
  process.exit(values.help ? 0 : 2);
}
process.exit(await soak());

async function soak(): Promise<number> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const federation = await startFederation({
    ...{ parties: 3, threshold: 2, preload: PRELOAD, progress: (line: string) => console.error(line) },
    ...{ more: { payout_batch_age_s: 5 }, signal: stop.signal },
  });
  try {
    await exchangeCards(federation);
    await runDkg(federation, 'soak');
    await openTreasury(federation);
    await enableService(federation);
    await goAutomatic(federation);
    const load: Load = { recipients: [], burns: [] };
    const memory: Memory[][] = [];
    console.log(['minute', 'deposits', 'burns', 'MiB live (resident) of each operator'].join('\t'));
    for (let minute = 1; minute <= minutes; minute++) {
      await loadMinute(federation, load);
      const now = await Promise.all(federation.operators.map(collected));
      memory.push(now);
      console.log([minute, load.recipients.length, load.burns.length, ...now.map(memoryText)].join('\t'));
    }
    await reconcile(federation, load);
    console.log('Every deposit is minted and every burn is paid, to the satoshi.');
    return grown(memory) ? 1 : 0;
  } finally {
    await federation.stop();
  }
}

async function loadMinute(federation: Federation, load: Load): Promise<void> {
  const { wallet, bitcoin, ledger, signal } = federation;
  const begun = performance.now();
  for (let tick = 1; tick <= TICKS_PER_MINUTE; tick++) {
    signal.throwIfAborted();
    const due =
      Math.round((perMinute * tick) / TICKS_PER_MINUTE) - Math.round((perMinute * (tick - 1)) / TICKS_PER_MINUTE);
    for (let i = 0; i < due; i++) {
      const recipient = newRecipient();
      await wallet.send(await depositAddress(federation, recipient), DEPOSIT_SATS);
      load.recipients.push(recipient);
    }
    const burnt = new Set(load.burns.map(({ recipient }) => recipient));
    const wanted = Math.floor(load.recipients.length / DEPOSITS_PER_BURN) - load.burns.length;
    const able = load.recipients.filter((one) => !burnt.has(one) && ledger.balance(one) >= BURN_SATS);
    for (const recipient of able.slice(0, Math.max(0, wanted))) {
      const address = await wallet.newAddress();
      await burn(federation, { recipient, amount: BURN_SATS, fee: BURN_FEE_SATS, address });
      load.burns.push({ recipient, address });
    }
    await bitcoin.mine(1);
    await Bun.sleep(Math.max(0, begun + (tick * MINUTE_MS) / TICKS_PER_MINUTE - performance.now()));
  }
}

function memoryText({ live, resident }: Memory): string {
  return `${live.toFixed(1)} (${resident.toFixed(0)})`;
}

async function collected(operator: DevnetOperator): Promise<Memory> {
  const { pid, folder } = operator;
  if (pid === null) throw new Error(`operator ${operator.index} does not run`);
  const asked = Date.now();
  process.kill(pid, 'SIGUSR2');
  let memory: Memory = { live: 0, resident: 0 };
  const isWritten = async (): Promise<boolean> => {
    const text = await readFile(join(folder, 'memory.json'), 'utf8').catch(() => '');
    if (text === '') return false;
    const { live, resident, at } = memorySchema.parse(JSON.parse(text));
    memory = { live: live / MEBIBYTE, resident: resident / MEBIBYTE };
    return at >= asked;
  };
  const { signal } = new AbortController();
  await until(() => `operator ${operator.index} tells its memory`, isWritten, {
    timeoutMs: COLLECT_TIMEOUT_MS,
    signal,
  });
  return memory;
}

async function reconcile(federation: Federation, { recipients, burns }: Load): Promise<void> {
  const { ledger, bitcoin, signal } = federation;
  const burnt = new Set(burns.map(({ recipient }) => recipient));
  const owed = (recipient: string): bigint => DEPOSIT_SATS - (burnt.has(recipient) ? BURN_SATS : 0n);
  const isDone = async (): Promise<boolean> => {
    await bitcoin.mine(1);
    await Bun.sleep(1_000);
    if (!recipients.every((recipient) => ledger.balance(recipient) >= owed(recipient))) return false;
    for (const { address } of burns) if ((await received(federation, address)) === 0n) return false;
    return true;
  };
  await until(() => 'all is minted and paid', isDone, { timeoutMs: DRAIN_TIMEOUT_MS, signal });
  for (const recipient of recipients) {
    const balance = ledger.balance(recipient);
    if (balance !== owed(recipient)) throw new Error(`${recipient} has ${balance} sats for ${owed(recipient)}`);
  }
  for (const { address } of burns) {
    const paid = await received(federation, address);
    const due = BURN_SATS - BURN_FEE_SATS;
    if (paid !== due) throw new Error(`${address} was paid ${paid} sats for ${due}`);
  }
}

// The allocators keep memory free as the load of the machine goes. The live memory tells whether the program grows.
function grown(memory: readonly (readonly Memory[])[]): boolean {
  const settled = memory[SETTLED_MINUTE - 1];
  const last = memory.at(-1);
  if (settled === undefined || last === undefined || memory.length === SETTLED_MINUTE) return false;
  const ratios = last.map(({ live }, i) => live / (settled[i]?.live ?? live));
  console.log(
    `live memory of the last minute / minute ${SETTLED_MINUTE}: ${ratios.map((one) => one.toFixed(3)).join(', ')}`,
  );
  return ratios.some((one) => one > GROWTH_MAX);
}
