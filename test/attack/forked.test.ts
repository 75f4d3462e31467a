// Attacks in the hour of a fork: a coordinator that hurries. What a forked chain shows needs `fork_confirmations`, deposits
// that are attested and strays that are swept alike; with fewer, the victim gives no share and binds itself to nothing.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rootSurplus, surplusAfter } from '../../chain/line.ts';
import { lineJson, type SweptOutput } from '../../chain/line-intent.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { getAttestation } from '../../store/attestations.ts';
import { getBurn } from '../../store/burns.ts';
import { intentOf } from './coordinator.ts';
import { dealKeys } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const recipient = '07'.repeat(32);
const deposit = { txid: 'd1'.repeat(32), vout: 0 };
const burnTxid = 'b1'.repeat(32);
const coin: SweptOutput = { txid: 'c1'.repeat(32), vout: 0, amount: 700_000n, leaf: { kind: 'treasury' } };

let siege: Siege;
let groupKey: Uint8Array;
beforeAll(async () => {
  siege = await laySiege();
  const [dealt] = dealKeys();
  if (dealt === undefined) throw new Error('a key was dealt');
  groupKey = dealt.bitcoin.groupKey.publicKey;
}, 20_000);
afterAll(() => siege.lift(), 20_000);

/** Puts the deposit and the coin so deep into the chain. */
function bury(confirmations: number): void {
  const { world } = siege.besieged;
  const depositScript = custodyScript(groupKey, { kind: 'deposit', recipient: fromHex(recipient) }).scriptPubKey;
  world.add({ ...deposit, amount: 50_000n, script: depositScript, confirmations });
  const script = custodyScript(groupKey, { kind: 'treasury' }).scriptPubKey;
  world.add({ txid: coin.txid, vout: coin.vout, amount: coin.amount, script, confirmations });
}

test('with normal_confirmations deposits and coins are refused on a forked chain, with fork_confirmations signed', async () => {
  const { coordinator, victim, besieged } = siege;
  const [{ attestationValidityS = 0, normalConfirmations = 0, forkConfirmations = 0 } = {}] = besieged.configs;
  const expiry = `${Math.floor(Date.now() / 1000) + attestationValidityS}`;
  const items = [{ ...deposit, recipient, amount: '50000', expiry }];
  const attestation = intentOf({ kind: 'attestation', test: false, items });
  const burn = { burnTxid, nullifier: burnTxid, address: ADDRESS, amount: 500_000n, fee: 1_000n };
  besieged.world.burns.push({ ...burn, txid: burnTxid });
  const { txid, vout, amount } = siege.root;
  const step = {
    ...{ step: 'payout' as const, test: false, treasury: { txid, vout, amount }, swept: [coin], burns: [burn] },
    ...{ destination: null, fee: 800n, surplus: 0n },
  };
  const payout = intentOf(lineJson({ ...step, surplus: surplusAfter(rootSurplus(siege.root), step) }));

  expect(forkConfirmations).toBeGreaterThan(normalConfirmations);
  bury(forkConfirmations - 1);
  victim.chain?.reorganised(490, 2);
  const hurried = await coordinator.prepare(0, 'ed25519', attestation);
  expect(await coordinator.refusal(hurried)).toBe('deposit_too_few_confirmations');
  const paying = await coordinator.prepare(0, 'bip340', payout);
  expect(await coordinator.refusal(paying)).toBe('input_unknown');
  expect(getAttestation(victim.store.db, deposit)).toBeNull();
  expect(getBurn(victim.store.db, burnTxid)).toBeNull();

  bury(forkConfirmations);
  expect(coordinator.isSigned(hurried, await coordinator.sign(hurried))).toBe(true);
  expect(coordinator.isSigned(paying, await coordinator.sign(paying))).toBe(true);
  await siege.stillSigns();
}, 30_000);
