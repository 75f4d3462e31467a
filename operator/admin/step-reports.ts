// One step of the treasury line as its transaction: what it spends and pays, and which of it stays with the federation. Read from
// the bytes that this node keeps; what it has not read itself is shown as unknown.
import { parseLeaf } from '../../chain/custody-leaf.ts';
import { buildSpend, type CustodyInput } from '../../chain/custody-spend.ts';
import { scriptAddress } from '../../chain/network.ts';
import { exportPsbt } from '../../chain/psbt.ts';
import type { Outpoint, Queries } from '../../store/database.ts';
import { getStep, type LineStep } from '../../store/line.ts';
import { readUnsigned } from '../../store/line-bytes.ts';
import { lineHistory } from '../../store/line-history.ts';
import { stepPlace } from '../../store/step-state.ts';
import { getRoot } from '../../store/treasury-roots.ts';
import { getUtxo } from '../../store/utxos.ts';
import { scannedHeight, settledHeight } from '../chain-state/scan.ts';
import type { Node } from '../node.ts';
import { paidBurns } from '../payouts/withdraw.ts';
import type { PaidBurnReport } from '../runtime/command-types.ts';
import { iso } from './money-shapes.ts';

/** What an input spends: the treasury, a deposit, or a stray (another output of the treasury script). */
export interface InputShown extends Outpoint {
  readonly what: 'treasury' | 'deposit' | 'stray' | 'unknown';
  /** null where this node has not read the output. */
  readonly amount: string | null;
  readonly recipient: string | null;
}

/** What an output is: the next treasury output (`treasury`, ours), the note with surplus and list, a burn's payment, or a consolidation. */
export interface OutputShown {
  readonly what: 'treasury' | 'note' | 'burn' | 'consolidation' | 'unknown';
  readonly amount: string;
  readonly address: string | null;
  readonly burn_txid: string | null;
}

/** A step of the line. Amounts in sats, times ISO 8601. */
export interface StepShown {
  readonly txid: string;
  readonly kind: string | null;
  readonly state: string;
  readonly replaced_by: string | null;
  readonly parent: string | null;
  readonly root: string;
  readonly depth: number;
  readonly inputs: readonly InputShown[];
  readonly outputs: readonly OutputShown[];
  readonly burns: readonly PaidBurnReport[];
  readonly miner_fee: string | null;
  /** In sat/vB. */
  readonly fee_rate: number | null;
  /** The fee against what is paid to others, in per cent; null where nothing is. */
  readonly fee_percent: number | null;
  readonly vsize: number;
  readonly surplus: string;
  readonly height: number | null;
  readonly block_hash: string | null;
  readonly confirmations: number;
  readonly created_at: string;
  readonly signed_at: string | null;
  readonly decided_at: string | null;
  /** The peer that asked for it or told it; null: this node itself, or the chain. */
  readonly asked_by: number | null;
  readonly files: { readonly psbt: boolean; readonly signed: boolean };
}

/** A step by its txid, or null. */
export function stepReport(node: Node, txid: string): StepShown | null {
  const { store, config } = node;
  const { db } = store;
  const step = getStep(db, txid);
  if (step === null) return null;
  const place = stepPlace(db, step, settledHeight(db, config));
  const scanned = scannedHeight(db);
  const outputs = outputsOf(node, step);
  const { height, parentTxid, root, depth, kind, vsize, blockHash, createdAt, signedAt, decidedAt } = step;
  const { fee, surplus, askedBy, signedTx } = step;
  const paid = sum(outputs.flatMap(({ what, amount }) => (what === 'treasury' ? [] : [BigInt(amount)])));
  return {
    ...{ txid, kind, depth, vsize, height, state: place.state, replaced_by: place.by, parent: parentTxid },
    root: `${root.txid}:${root.vout}`,
    inputs: step.inputs.map((input, index) => inputOf(db, step, input, index)),
    outputs,
    burns: paidBurns(db, step.burns?.map(({ burnTxid }) => burnTxid) ?? []),
    miner_fee: fee === null ? null : `${fee}`,
    fee_rate: fee === null ? null : Number(fee) / vsize,
    fee_percent: fee === null || paid === 0n ? null : Number((fee * 1_000_000n) / paid) / 10_000,
    surplus: `${surplus}`,
    block_hash: blockHash,
    confirmations: height === null || scanned === null ? 0 : Math.max(0, scanned - height + 1),
    created_at: iso(createdAt),
    signed_at: signedAt === null ? null : iso(signedAt),
    decided_at: decidedAt === null ? null : iso(decidedAt),
    asked_by: askedBy,
    files: { psbt: spendOf(node, step) !== null, signed: signedTx !== null },
  };
}

/**
 * A step as a base64 PSBT without signatures: what each input spends, its script and internal key. Null where there is no such
 * step, or this node has not read all that it spends.
 */
export function stepPsbt(node: Node, txid: string): string | null {
  const step = getStep(node.store.db, txid);
  const key = step === null ? null : node.keys.get(step.keyId);
  const built = step === null ? null : spendOf(node, step);
  return key === null || built === null ? null : exportPsbt(built, key.bitcoin.publicKey);
}

/** The signed transaction in lowercase hex; null where this node has not seen all signatures. */
export function stepTransaction(node: Node, txid: string): string | null {
  return getStep(node.store.db, txid)?.signedTx ?? null;
}

// Built anew from inputs and outputs; only where that gives the very same transaction does it say what is in it.
function spendOf({ store: { db }, keys }: Node, step: LineStep): ReturnType<typeof buildSpend> | null {
  const key = keys.get(step.keyId);
  const inputs = step.inputs.flatMap((input, index) => custodyInput(db, step, input, index));
  if (key === null || inputs.length < step.inputs.length) return null;
  const built = buildSpend(inputs, readUnsigned(step.unsignedTx).outputs, key.bitcoin.publicKey);
  return built.txid === step.txid ? built : null;
}

function custodyInput(db: Queries, step: LineStep, input: Outpoint, index: number): readonly CustodyInput[] {
  const { txid, vout } = input;
  if (index === 0) {
    const amount = spentTreasury(db, step, input);
    return amount === null ? [] : [{ txid, vout, amount, leaf: { kind: 'treasury' } }];
  }
  const utxo = getUtxo(db, input);
  const leaf = utxo === null ? null : parseLeaf(utxo.leaf);
  return utxo === null || leaf === null ? [] : [{ txid, vout, amount: utxo.amount, leaf }];
}

function spentTreasury(db: Queries, step: LineStep, input: Outpoint): bigint | null {
  const root = getRoot(db, step.root);
  return root === null ? null : (lineHistory(db, root).place(input)?.amount ?? null);
}

function inputOf(db: Queries, step: LineStep, input: Outpoint, index: number): InputShown {
  const { txid, vout } = input;
  const [spent] = custodyInput(db, step, input, index);
  const amount = spent === undefined ? null : `${spent.amount}`;
  if (index === 0) return { txid, vout, what: 'treasury', amount, recipient: null };
  if (spent?.leaf.kind === 'deposit') {
    return { txid, vout, what: 'deposit', amount, recipient: recipientOf(db, input) };
  }
  return { txid, vout, what: spent === undefined ? 'unknown' : 'stray', amount, recipient: null };
}

function recipientOf(db: Queries, input: Outpoint): string | null {
  const leaf = getUtxo(db, input)?.leaf;
  return typeof leaf === 'object' && leaf !== null && 'recipient' in leaf && typeof leaf.recipient === 'string'
    ? leaf.recipient
    : null;
}

// Output 0 is the next treasury output, output 1 the note; what follows are the burns in the order of their ids.
function outputsOf({ config }: Node, step: LineStep): readonly OutputShown[] {
  return readUnsigned(step.unsignedTx).outputs.map(({ script, amount }, index) => {
    const shown = { amount: `${amount}`, address: scriptAddress(script, config.network), burn_txid: null };
    if (index === 0) return { ...shown, what: 'treasury' };
    if (index === 1) return { ...shown, what: 'note' };
    if (step.kind === 'consolidate') return { ...shown, what: 'consolidation' };
    const burn = step.burns?.[index - 2];
    return burn === undefined ? { ...shown, what: 'unknown' } : { ...shown, what: 'burn', burn_txid: burn.burnTxid };
  });
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
