// A made chain with custody's money in it, and what follows from its transactions alone: reports are held against that. A store
// is told of it as the scan would tell it.
import { recordBlockTime } from '../../../store/block-times.ts';
import { type BurnRecord, recordBurn } from '../../../store/burns.ts';
import type { Outpoint, Queries } from '../../../store/database.ts';
import { recordDeposit, setDepositStatus } from '../../../store/deposits.ts';
import { decideStep, recordStep, recordStepMined, recordStepSigned } from '../../../store/line.ts';
import { recordRoot } from '../../../store/treasury-roots.ts';
import { markUtxoSpent, recordUtxo } from '../../../store/utxos.ts';
import { id } from '../../store/fixture.ts';
import { transaction } from '../../store/line-fixture.ts';

export const DAY_MS = 86_400_000;
/** 2027-01-15, UTC. */
export const FIRST_DAY = 20_833;
const FLOOR = 10_000n;
const KEY = id('key');
const TREASURY = '51';
const DEPOSIT = 'dd';
const PAYEE = '00';

interface Output {
  readonly script: string;
  readonly amount: bigint;
}
interface Transaction {
  readonly txid: string;
  readonly unsignedTx: string;
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly Output[];
}
interface Step extends Transaction {
  readonly burns: readonly BurnRecord[];
  readonly surplus: bigint;
}
export interface MadeBlock {
  readonly height: number;
  /** Of its header, ms since 1970. */
  readonly at: number;
  readonly payments: readonly Transaction[];
  readonly step: Step | null;
}
export interface MadeChain {
  readonly blocks: readonly MadeBlock[];
  readonly root: Outpoint & { readonly amount: bigint };
}

function made(inputs: readonly Outpoint[], outputs: readonly Output[], salt: number): Transaction {
  const pairs = outputs.map(({ script, amount }) => [script, amount] as const);
  return { ...transaction(inputs, pairs, salt), inputs, outputs };
}

/** Blocks of `days` days, `perDay` each; the last of each day but the final one is followed by one with an earlier time. */
export function makeChain(days: number, perDay: number): MadeChain {
  let salt = 0;
  // A generator that is the same each time.
  let state = 12_345;
  const draw = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state >> 12) % below;
  };
  const pay = (script: string, amount: bigint) =>
    made([{ txid: id('coin', ++salt), vout: 0 }], [{ script, amount }], salt);
  const opening = pay(TREASURY, 100_000n);
  const root = { txid: opening.txid, vout: 0, amount: 100_000n };
  const blocks: MadeBlock[] = [{ height: 100, at: FIRST_DAY * DAY_MS, payments: [opening], step: null }];
  let tip: Outpoint & { readonly amount: bigint } = root;
  let surplus = root.amount - FLOOR;
  let unswept: (Outpoint & Output)[] = [];
  for (let at = 1; at < days * perDay; at++) {
    const payments = Array.from({ length: draw(4) }, () => pay(DEPOSIT, BigInt(50_000 + draw(900_000))));
    if (at % 7 === 0 || at === days * perDay - 1) payments.push(pay(TREASURY, BigInt(3_000 + draw(5_000))));
    const swept = unswept.slice(0, 3);
    const budget = swept.reduce((sum, { amount }) => sum + amount, tip.amount) - 60_000n;
    const burns = Array.from({ length: budget > 0n ? draw(3) : 0 }, (_, n): BurnRecord => {
      const amount = budget / 4n;
      return {
        burnTxid: id('burn', at, n),
        nullifier: id('null', at, n),
        address: 'bcrt1q',
        amount,
        fee: 700n,
        wireSeq: BigInt(at * 10 + n),
        wireHeight: at,
      };
    }).filter(({ amount }) => amount > 2_000n);
    let step: Step | null = null;
    if (swept.length + burns.length > 0) {
      const minerFee = BigInt(300 + draw(200));
      const strays = swept.filter(({ script }) => script === TREASURY).reduce((sum, { amount }) => sum + amount, 0n);
      const paid = burns.map(({ amount, fee, burnTxid }) => ({
        script: `${PAYEE}${burnTxid.slice(0, 20)}`,
        amount: amount - fee,
      }));
      const away = paid.reduce((sum, { amount }) => sum + amount, minerFee);
      const next = swept.reduce((sum, { amount }) => sum + amount, tip.amount) - away;
      surplus += strays + burns.reduce((sum, { fee }) => sum + fee, 0n) - minerFee;
      const outputs = [{ script: TREASURY, amount: next }, { script: '6a', amount: 0n }, ...paid];
      step = {
        ...made(
          [tip, ...swept].map(({ txid, vout }) => ({ txid, vout })),
          outputs,
          ++salt,
        ),
        burns,
        surplus,
      };
      tip = { txid: step.txid, vout: 0, amount: next };
      unswept = unswept.slice(3);
    }
    const [day, place] = [Math.floor(at / perDay), at % perDay];
    // The first block of a day was made a little before midnight by its header, which a header may say.
    const time = (FIRST_DAY + day) * DAY_MS + (place === 0 ? -60_000 : place * 3_600_000);
    blocks.push({ height: 100 + at, at: time, payments, step });
    unswept.push(
      ...payments.map(({ txid, outputs }) => ({
        txid,
        vout: 0,
        script: outputs[0]?.script ?? '',
        amount: outputs[0]?.amount ?? 0n,
      })),
    );
  }
  return { blocks, root };
}

/** When a store learns of things: a node that follows the chain at once, or one that was rebuilt long after. */
export type LearnedAt = (block: MadeBlock) => number;

/** Tells a store of the chain. `isListed` false: the lists of burns never become known. Every other deposit is minted. */
export function tell(db: Queries, { blocks, root }: MadeChain, learnedAt: LearnedAt, isListed = true): void {
  for (const block of blocks) {
    const { height, payments, step } = block;
    const now = learnedAt(block);
    const hash = id('block', height);
    if (payments.length > 0 || step !== null) recordBlockTime(db, height, block.at);
    for (const [n, { txid, outputs }] of payments.entries()) {
      const [{ script, amount } = { script: '', amount: 0n }] = outputs;
      const kind = script === TREASURY ? 'treasury' : 'deposit';
      recordUtxo(db, { txid, vout: 0, amount, leaf: { kind }, height }, now);
      if (kind === 'treasury') continue;
      recordDeposit(db, { txid, vout: 0, recipient: id('to'), amount, height, blockHash: hash }, now);
      if (n % 2 === 0) setDepositStatus(db, { txid, vout: 0 }, 'minted', now);
    }
    if (height === 100) recordRoot(db, { network: 'regtest', keyId: KEY, ...root }, now);
    if (step !== null) tellStep(db, step, { height, hash }, root, now, isListed);
  }
}

function tellStep(
  db: Queries,
  step: Step,
  block: { readonly height: number; readonly hash: string },
  root: Outpoint,
  now: number,
  isListed: boolean,
): void {
  const { txid, unsignedTx, inputs, outputs, burns, surplus } = step;
  const treasuryAmount = outputs[0]?.amount ?? 0n;
  recordUtxo(db, { txid, vout: 0, amount: treasuryAmount, leaf: { kind: 'treasury' }, height: block.height }, now);
  for (const input of inputs) markUtxoSpent(db, input, txid, block.height, now);
  for (const burn of burns) recordBurn(db, burn, now);
  const first = inputs[0]?.txid ?? '';
  const content = {
    ...{ txid, unsignedTx, inputs, treasuryAmount, surplus, vsize: 200, keyId: KEY },
    parentTxid: first === root.txid ? null : first,
  };
  const kind = burns.length > 0 ? ('payout' as const) : ('sweep' as const);
  const list = burns
    .map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier }))
    .sort((a, b) => (a.burnTxid < b.burnTxid ? -1 : 1));
  const signedTx = `${unsignedTx}aa`;
  const verdicts = isListed
    ? [
        decideStep(db, { ...content, kind, burns: list, fee: 1n, intent: {}, askedBy: null }, now),
        recordStepSigned(db, txid, signedTx, now),
        recordStepMined(db, txid, block, now),
      ]
    : [
        recordStep(
          db,
          {
            ...content,
            kind: null,
            burns: null,
            fee: null,
            intent: null,
            signedTx,
            height: block.height,
            blockHash: block.hash,
          },
          now,
        ),
      ];
  for (const verdict of verdicts) if (!verdict.ok) throw new Error(`the made chain was refused: ${verdict.reason}`);
}

/** What the transactions of some days say, sats as decimal strings. Nothing of it comes from a store. */
export function figuresOf({ blocks }: MadeChain, firstDay: number, lastDay: number) {
  // A block's day is that of its time, or of a later block that says an earlier one.
  const dayOf = (block: MadeBlock) =>
    Math.min(...blocks.filter(({ height }) => height >= block.height).map(({ at }) => Math.floor(at / DAY_MS)));
  const outputs = new Map<string, bigint>();
  const held = new Map<string, bigint>();
  let [deposits, deposited, paid, paidOut, minerFees, burnFees, surplus] = [0, 0n, 0, 0n, 0n, 0n, 0n];
  for (const block of blocks) {
    const day = dayOf(block);
    if (day > lastDay) continue;
    const isCounted = day >= firstDay;
    for (const { txid, outputs: made } of [...block.payments, ...(block.step === null ? [] : [block.step])]) {
      for (const [vout, { amount }] of made.entries()) outputs.set(`${txid}:${vout}`, amount);
    }
    for (const {
      txid,
      outputs: [one],
    } of block.payments) {
      if (one === undefined) continue;
      held.set(`${txid}:0`, one.amount);
      if (one.script !== DEPOSIT || !isCounted) continue;
      deposits += 1;
      deposited += one.amount;
    }
    if (block.step === null) continue;
    const { inputs, outputs: made, txid, burns } = block.step;
    for (const { txid: from, vout } of inputs) held.delete(`${from}:${vout}`);
    held.set(`${txid}:0`, made[0]?.amount ?? 0n);
    surplus = block.step.surplus;
    if (!isCounted) continue;
    const spent = inputs.reduce((sum, { txid: from, vout }) => sum + (outputs.get(`${from}:${vout}`) ?? 0n), 0n);
    minerFees += spent - made.reduce((sum, { amount }) => sum + amount, 0n);
    paidOut += made.slice(2).reduce((sum, { amount }) => sum + amount, 0n);
    paid += burns.length;
    burnFees += burns.reduce((sum, { fee }) => sum + fee, 0n);
  }
  const reserves = [...held.values()].reduce((sum, amount) => sum + amount, 0n);
  return {
    totals: {
      ...{ deposits, deposited: `${deposited}`, burns_paid: paid, paid_out: `${paidOut}` },
      ...{ miner_fees: `${minerFees}`, burn_fees: `${burnFees}`, consolidated: '0' },
    },
    closing: { reserves: `${reserves}`, surplus: `${surplus}`, unexplained: '0' },
  };
}
