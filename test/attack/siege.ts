// What most attack tests begin with: two honest nodes that hold their shares of a key, and the attacker with its own.
import { expect } from 'bun:test';
import type { LineRoot } from '../../chain/line.ts';
import type { Node } from '../../operator/node.ts';
import { MaliciousCoordinator } from './coordinator.ts';
import { MaliciousPeer } from './malicious-peer.ts';
import { type Besieged, besiege, dealtRoot, HONEST, installKeys, run, secretsOf } from './nodes.ts';

/** A federation with a key, under attack. */
export interface Siege {
  readonly besieged: Besieged;
  readonly mallory: MaliciousPeer;
  readonly coordinator: MaliciousCoordinator;
  readonly keyId: string;
  /** Of the treasury, which is open. */
  readonly root: LineRoot;
  /** The node that the attacker turns to, and the other honest one. */
  readonly victim: Node;
  readonly other: Node;
  /** Both honest nodes still sign with both keys, one with the other, at either's request. */
  stillSigns(): Promise<void>;
  lift(): Promise<void>;
}

/** Begins. */
export async function laySiege(): Promise<Siege> {
  const besieged = await besiege();
  const [victim, other] = besieged.nodes;
  if (victim === undefined || other === undefined) throw new Error('two honest nodes');
  const keyId = await installKeys(victim);
  await installKeys(other);
  const mallory = await MaliciousPeer.enter(besieged);
  const root = dealtRoot(keyId);
  const coordinator = new MaliciousCoordinator(mallory, keyId, root);
  return {
    ...{ besieged, mallory, coordinator, keyId, root, victim, other },
    async stillSigns() {
      for (const node of [victim, other]) {
        const signed = await run(node, 'test-signing', { message: 'still here' });
        expect(signed.bitcoin.signers).toEqual([...HONEST]);
        expect(signed.attestation.signers).toEqual([...HONEST]);
      }
    },
    async lift() {
      await mallory.leave();
      const told = JSON.stringify(besieged.logs, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
      const secrets = await secretsOf(besieged);
      await besieged.stop();
      // Whatever was tried: no honest node has written a secret down.
      for (const secret of secrets) expect(told.toLowerCase().includes(secret)).toBe(false);
    },
  };
}
