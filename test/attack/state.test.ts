// Attacks on a node that does not know whether its state is the newest: freshly started with nobody who vouches for it, or
// told in the middle of a request that it was brought back. It gives no share, and binds itself to nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { fromHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { closeNode, type Node, unsealNode } from '../../operator/node.ts';
import { getAttestation } from '../../store/attestations.ts';
import { intentOf, MaliciousCoordinator } from './coordinator.ts';
import { MaliciousPeer } from './malicious-peer.ts';
import { auditSeq, type Besieged, besiege, dealKeys, dealtRoot, installKeys, open, PASSPHRASE } from './nodes.ts';

const SCHEMES: readonly SchemeName[] = ['bip340', 'ed25519'];
const recipient = '07'.repeat(32);
const text = intentOf({ kind: 'test_message', message: 'is it the newest state' });

let besieged: Besieged;
let mallory: MaliciousPeer;
let coordinator: MaliciousCoordinator;
/** The victim, started again while the other honest node is gone and the attacker is silent. */
let victim: Node;
const reopened: Node[] = [];

beforeAll(async () => {
  besieged = await besiege();
  const keys = await Promise.all(besieged.nodes.map(installKeys));
  for (const node of besieged.nodes) await closeNode(node);
  victim = await start(0);
  mallory = await MaliciousPeer.enter({ ...besieged, nodes: [victim] });
  coordinator = new MaliciousCoordinator(mallory, keys[0] ?? '', dealtRoot(keys[0] ?? ''));
}, 30_000);
afterAll(async () => {
  await mallory.leave();
  for (const node of reopened) await closeNode(node);
  await besieged.world.stop();
  await rm(besieged.folder, { recursive: true });
}, 30_000);

async function start(index: number): Promise<Node> {
  const node = open(besieged.configs, besieged.logs, index);
  reopened.push(node);
  await unsealNode(node, PASSPHRASE);
  await node.online?.autopilot.stop();
  return node;
}

function depositIntent(txid: string) {
  const [dealt] = dealKeys();
  if (dealt === undefined) throw new Error('a key was dealt');
  const leaf = { kind: 'deposit', recipient: fromHex(recipient) } as const;
  const script = custodyScript(dealt.bitcoin.groupKey.publicKey, leaf).scriptPubKey;
  besieged.world.add({ txid, vout: 0, amount: 50_000n, script, confirmations: 6 });
  const expiry = `${Math.floor(Date.now() / 1000) + (besieged.configs[0]?.attestationValidityS ?? 0)}`;
  return intentOf({ kind: 'attestation', test: false, items: [{ txid, vout: 0, recipient, amount: '50000', expiry }] });
}

describe('a node whose state nobody vouches for', () => {
  for (const scheme of SCHEMES) {
    test(`${scheme}: refuses a signature as state_regressed, and signs once a peer has agreed`, async () => {
      const asked = await coordinator.prepare(0, scheme, text);
      expect(await coordinator.refusal(asked)).toBe('state_regressed');
      if (scheme !== SCHEMES.at(-1)) return;
      const other = await start(1);
      expect(await victim.online?.heartbeat?.ready()).toEqual({ ok: true });
      expect(await other.online?.heartbeat?.ready()).toEqual({ ok: true });
      // The refusals have cost nothing: the same nonces serve now.
      expect(coordinator.isSigned(asked, await coordinator.sign(asked))).toBe(true);
    }, 30_000);
  }

  test('that was found to be put back gives no share for a nonce of before, and signs with a new one', async () => {
    const heartbeat = victim.online?.heartbeat;
    if (heartbeat == null) throw new Error('the victim has a heartbeat');
    const asked = await coordinator.prepare(0, 'bip340', text);
    heartbeat.standing.regressed(1, { epoch: 0, seq: 1_000_000, hash: 'd2'.repeat(32) });
    expect(heartbeat.maySign()).toMatchObject({ ok: false });
    expect(await heartbeat.ready()).toEqual({ ok: true });
    expect(await coordinator.refusal(asked)).toBe('nonce_unknown');
    const anew = await coordinator.prepare(0, 'bip340', text);
    expect(coordinator.isSigned(anew, await coordinator.sign(anew))).toBe(true);
  }, 30_000);

  test('learns of it while it validates a request, and neither signs nor decides', async () => {
    const standing = victim.online?.heartbeat?.standing;
    if (standing === undefined) throw new Error('the victim has a heartbeat');
    const txid = 'd1'.repeat(32);
    const asked = await coordinator.prepare(0, 'ed25519', depositIntent(txid));
    const before = auditSeq(victim);
    besieged.world.delayMs = 500;
    try {
      const answer = coordinator.refusal(asked);
      await Bun.sleep(100);
      standing.step({ kind: 'duplicate', detail: 'two copies of it are alive' });
      expect(await answer).toBe('state_regressed');
    } finally {
      besieged.world.delayMs = 0;
    }
    expect(auditSeq(victim)).toBe(before);
    expect(getAttestation(victim.store.db, { txid, vout: 0 })).toBeNull();
  }, 30_000);
});
