// The block of an attested deposit, as it is kept: the scan's own word, else what the own Bitcoin nodes say of one moment.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attestation } from '../../../crypto/attestation.ts';
import { attestationId } from '../../../crypto/attestation.ts';
import { toHex } from '../../../crypto/bytes.ts';
import { keepAttestations } from '../../../operator/deposits/kept-attestations.ts';
import { getDeposit, recordDeposit } from '../../../store/deposits.ts';
import { openStore, type Store } from '../../../store/open.ts';
import { getUtxo } from '../../../store/utxos.ts';
import { type FakeBitcoin, fakeBitcoin } from '../../chain/fake-bitcoin.ts';

const folder = mkdtempSync(join(tmpdir(), 'kept-'));
const outpoint = { txid: 'c1'.repeat(32), vout: 0 };
const attestation: Attestation = {
  id: attestationId(outpoint.txid, outpoint.vout),
  ...{ depositTxid: outpoint.txid, depositVout: outpoint.vout, recipient: new Uint8Array(32).fill(7) },
  ...{ amountSats: 50_000n, nonce: 1n, expiry: 2_000_000_000n, signature: new Uint8Array(64), createdAt: 1n },
};
let store: Store;
let bitcoin: FakeBitcoin;
let height: number;

beforeEach(() => {
  store = openStore(join(folder, 'security.db'));
  bitcoin = fakeBitcoin();
  height = 105;
  bitcoin.tip = async () => ({ height, hash: `${height}`.padStart(64, '0') });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The output has so many confirmations; `passing`: after this look another block comes, once. */
function deep(confirmations: number, passing = false): void {
  let isPassing = passing;
  bitcoin.txOuts = async () => {
    const output = { amount: 50_000n, script: new Uint8Array(34), coinbase: false };
    const seen = { ...output, confirmations: confirmations + height - 105 };
    if (isPassing) height += 1;
    isPassing = false;
    return [seen];
  };
}

const keep = () => {
  const bridge = { db: store.db, bitcoin, effects: { now: () => 1_800_000_000_000 }, log: () => {} };
  return keepAttestations(bridge, [attestation]);
};
const kept = () => [getDeposit(store.db, outpoint)?.height, getUtxo(store.db, outpoint)?.height];

test('a block that comes between the look at the output and that at the tip does not move the deposit', async () => {
  deep(6, true);
  await keep();
  expect(kept()).toEqual([100, 100]);
});

test('what the scan has read of the deposit stays, hash and all, until the scan takes it back', async () => {
  const recipient = toHex(attestation.recipient);
  recordDeposit(store.db, { ...outpoint, recipient, amount: 50_000n, height: 100, blockHash: 'ab'.repeat(32) }, 1);
  deep(3);
  await keep();
  expect(getDeposit(store.db, outpoint)).toMatchObject({ height: 100, blockHash: 'ab'.repeat(32), status: 'attested' });
});
