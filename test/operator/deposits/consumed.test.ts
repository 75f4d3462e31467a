// A deposit that the federation itself has spent stays attestable, on what this node's own scan saw.
import { expect, test } from 'bun:test';
import { concat, fromHex, sha256, toHex, u32le, u64le } from '../../../crypto/bytes.ts';
import { consumedDeposit } from '../../../operator/validation/consumed.ts';
import type { Outpoint, Queries } from '../../../store/database.ts';
import { recordDeposit } from '../../../store/deposits.ts';
import { recordStep } from '../../../store/line.ts';
import { type RootRecord, recordRoot } from '../../../store/treasury-roots.ts';
import { markUtxoSpent, recordUtxo } from '../../../store/utxos.ts';
import { id, NOW, outpoint, withStore } from '../../store/fixture.ts';

const RECIPIENT = id('recipient');
const deposit = outpoint('deposit');
const root: RootRecord = { network: 'regtest', keyId: id('key'), ...outpoint('root'), amount: 25_000n };

function transaction(inputs: readonly Outpoint[]): { readonly txid: string; readonly unsignedTx: string } {
  const bytes = concat(
    ...[u32le(2), Uint8Array.of(inputs.length)],
    ...inputs.map(({ txid, vout }) =>
      concat(fromHex(txid).slice().reverse(), u32le(vout), Uint8Array.of(0), u32le(0xffff_fffd)),
    ),
    ...[Uint8Array.of(1), u64le(20_000n), Uint8Array.of(1, 0x51), u32le(0)],
  );
  return { unsignedTx: toHex(bytes), txid: toHex(sha256(sha256(bytes)).reverse()) };
}

/** The deposit was scanned in block 50 and swept by a step in block 60. */
function swept(db: Queries, { blockHash = id('block') as string | null, isStep = true } = {}): string {
  const inputs = [{ txid: root.txid, vout: root.vout }, deposit];
  const made = transaction(inputs);
  recordDeposit(db, { ...deposit, recipient: RECIPIENT, amount: 5_000n, height: 50, blockHash }, NOW);
  recordUtxo(db, { ...deposit, amount: 5_000n, leaf: { kind: 'deposit', recipient: RECIPIENT }, height: 50 }, NOW);
  markUtxoSpent(db, deposit, made.txid, 60, NOW);
  if (!isStep) return made.txid;
  recordRoot(db, root, NOW);
  const content = { ...made, parentTxid: null, keyId: root.keyId, inputs, treasuryAmount: 20_000n, surplus: 7_000n };
  const unlisted = { kind: null, burns: null, fee: null, intent: null };
  const seen = { vsize: 200, signedTx: `${made.unsignedTx}aa`, height: 60, blockHash: id('block', 60) };
  const verdict = recordStep(db, { ...content, ...unlisted, ...seen }, NOW);
  if (!verdict.ok) throw new Error(verdict.reason);
  return made.txid;
}

test('a deposit that a settled step of the line consumed is what the scan recorded of it', () => {
  withStore(({ db }) => {
    const txid = swept(db);
    const recipient = fromHex(RECIPIENT, { bytes: 32 });
    expect(consumedDeposit(db, 60, deposit)).toEqual({ txid, recipient, amount: 5_000n, height: 50 });
  });
});

test('a deposit whose step is not deep enough, or was spent by no step, is not consumed', () => {
  withStore(({ db }) => {
    swept(db);
    expect(consumedDeposit(db, 59, deposit)).toBeNull();
    expect(consumedDeposit(db, 60, outpoint('another'))).toBeNull();
  });
  withStore(({ db }) => {
    swept(db, { isStep: false });
    expect(consumedDeposit(db, 100, deposit)).toBeNull();
  });
});

test('a deposit that this node did not see in a block is not taken for consumed', () => {
  withStore(({ db }) => {
    swept(db, { blockHash: null });
    expect(consumedDeposit(db, 60, deposit)).toBeNull();
  });
});
