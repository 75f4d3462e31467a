// What a node's own Bitcoin nodes say may be of any length: its refusal arrives all the same, by its name.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { intentOf } from './coordinator.ts';
import { laySiege, type Siege } from './siege.ts';

let siege: Siege;
beforeAll(async () => {
  siege = await laySiege();
}, 20_000);
afterAll(() => siege.lift(), 20_000);

test('a refusal for which there is a long reason is read by its coordinator', async () => {
  const { coordinator, besieged } = siege;
  const expiry = `${Math.floor(Date.now() / 1000) + (besieged.configs[0]?.attestationValidityS ?? 0)}`;
  const items = [{ txid: 'ee'.repeat(32), vout: 0, recipient: 'cc'.repeat(32), amount: '50000', expiry }];
  const asked = await coordinator.prepare(0, 'ed25519', intentOf({ kind: 'attestation', test: false, items }));
  besieged.world.chain = 'x'.repeat(3_000);
  try {
    expect(await coordinator.refusal(asked)).toBe('wrong_network');
  } finally {
    besieged.world.chain = 'regtest';
  }
}, 20_000);
