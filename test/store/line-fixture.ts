// Steps of the treasury line for the tests of the store: made-up meaning, real bytes.
import { concat, fromHex, sha256, toHex, u32le, u64le } from '../../crypto/bytes.ts';
import type { Outpoint } from '../../store/database.ts';
import {
  decideStep,
  recordStepMined,
  recordStepSigned,
  type StepDecision,
  type StepSighting,
} from '../../store/line.ts';
import type { Store } from '../../store/open.ts';
import { type RootRecord, recordRoot } from '../../store/treasury-roots.ts';
import { burn, id, NOW, outpoint } from './fixture.ts';

export const ROOT: RootRecord = { network: 'regtest', keyId: id('key'), ...outpoint('root'), amount: 25_000n };

/** A transaction without witnesses, in hex; `salt` makes different ones of the same inputs and outputs. */
export function transaction(inputs: readonly Outpoint[], outputs: readonly (readonly [string, bigint])[], salt = 0) {
  const bytes = concat(
    ...[u32le(2), Uint8Array.of(inputs.length)],
    ...inputs.map(({ txid, vout }) =>
      concat(fromHex(txid).slice().reverse(), u32le(vout), Uint8Array.of(0), u32le(0xffff_fffd)),
    ),
    Uint8Array.of(outputs.length),
    ...outputs.map(([script, amount]) => concat(u64le(amount), Uint8Array.of(script.length / 2), fromHex(script))),
    u32le(salt),
  );
  return { unsignedTx: toHex(bytes), txid: toHex(sha256(sha256(bytes)).reverse()) };
}

/** A step: burns and swept outputs by name. `parent` null: it spends the root. */
export interface StepWords {
  readonly parent?: { readonly txid: string } | null;
  readonly burns?: readonly (string | number)[];
  readonly swept?: readonly (string | number)[];
  readonly salt?: number;
  readonly askedBy?: number | null;
}

/** A decision that is well formed: a payout where it has burns, else a sweep. */
export function step(words: StepWords = {}): StepDecision {
  const { parent = null, burns = [], swept = [], salt = 0, askedBy = null } = words;
  const first = parent === null ? { txid: ROOT.txid, vout: ROOT.vout } : { txid: parent.txid, vout: 0 };
  const inputs = [first, ...swept.map((name) => outpoint(name))];
  const list = burns.map((name) => burn(name)).map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier }));
  const treasuryAmount = 20_000n;
  const paid = burns.map((name) => [`00${id('script', name).slice(0, 20)}`, 5_000n] as const);
  return {
    ...transaction(inputs, [['51', treasuryAmount], ['6a', 0n], ...paid], salt),
    ...{ parentTxid: parent?.txid ?? null, keyId: ROOT.keyId, inputs, treasuryAmount, surplus: 7_000n, vsize: 200 },
    kind: burns.length > 0 ? 'payout' : 'sweep',
    burns: list.sort((a, b) => (a.burnTxid < b.burnTxid ? -1 : 1)),
    ...{ fee: 400n, intent: { salt }, askedBy },
  };
}

/** The same step as somebody else shows it; without its list where `isListed` is false. */
export function seen(
  { kind, burns, fee, intent, ...decision }: StepDecision,
  isListed = true,
  changes: Partial<StepSighting> = {},
): StepSighting {
  const list = isListed ? { kind, burns, fee, intent } : { kind: null, burns: null, fee: null, intent: null };
  return { ...decision, ...list, signedTx: null, height: null, blockHash: null, ...changes };
}

export function block(height: number) {
  return { height, hash: id('block', height) };
}

/** Records the root. */
export function beginLine({ db }: Store): void {
  recordRoot(db, ROOT, NOW);
}

/** Decides, signs and mines steps, each in the next block after `height`. */
export function mine({ db }: Store, height: number, ...steps: readonly StepDecision[]): void {
  for (const [index, one] of steps.entries()) {
    const verdicts = [
      decideStep(db, one, NOW),
      recordStepSigned(db, one.txid, `${one.unsignedTx}aa`, NOW),
      recordStepMined(db, one.txid, block(height + index), NOW),
    ];
    for (const verdict of verdicts) if (!verdict.ok) throw new Error(`the fixture was refused: ${verdict.reason}`);
  }
}
