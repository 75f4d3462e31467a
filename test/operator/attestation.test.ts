import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { AttestationIntent } from '../../ceremony/intent.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { type Attestation, parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { parseServiceMessage } from '../../operator/peers/messages.ts';
import { decideAttestations, getAttestation } from '../../store/attestations.ts';
import { getDeposit } from '../../store/deposits.ts';
import { getUtxo } from '../../store/utxos.ts';
import { askAttestation, attestBy, type Claim, codeOf, deposit, freshHash } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;

beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
});
afterAll(() => federation.close());
afterEach(() => {
  federation.meddle = ({ message }) => message;
  federation.down.clear();
  for (const view of federation.chain.views) view.unavailable = false;
});

function intentOf(claim: Claim, changes: Partial<AttestationIntent['items'][number]> = {}): AttestationIntent {
  const { txid, vout, recipient, amount, test } = claim;
  const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
  return { kind: 'attestation', test, items: [{ txid, vout, recipient, amount, expiry, ...changes }] };
}

function parsed(json: Readonly<Record<string, string | number>>): Attestation {
  const verdict = parseAttestation(json);
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.attestation;
}

describe('a right deposit', () => {
  test('is attested under the federation key, minted, and known to every node by announcement', async () => {
    const claim = deposit(federation);
    const result = await attestBy(federation, 0, claim);
    const attestation = parsed(result.attestation);
    expect(verifyAttestation('mint', attestation, federation.key().attestation.publicKey)).toBe(true);
    expect(result.submitted).toBe(true);
    expect(result.signing.signers).toHaveLength(2);
    await federation.settle();
    for (const { index } of federation.members) {
      const { db } = federation.at(index).node.store;
      expect(getAttestation(db, claim)?.signature).toBe(Buffer.from(attestation.signature).toString('hex'));
      expect(getDeposit(db, claim)?.status).toBe('minted');
      expect(getUtxo(db, claim)?.amount).toBe(100_000n);
    }
  });

  test('asked about twice, by whomever, has one attestation', async () => {
    const claim = deposit(federation);
    const first = await attestBy(federation, 0, claim);
    const again = await attestBy(federation, 0, claim);
    expect(again.attestation['signature']).toBe(first.attestation['signature'] ?? '');
    await federation.settle();
    const byAnother = await attestBy(federation, 2, claim);
    expect(byAnother.attestation['signature']).toBe(first.attestation['signature'] ?? '');
    expect(byAnother.signing.signers).toEqual([]);
  });

  test('asked about by two nodes at once is attested with one meaning', async () => {
    const claim = deposit(federation);
    const [a, b] = await Promise.all([attestBy(federation, 0, claim), attestBy(federation, 1, claim)]);
    for (const field of ['recipient_pubkey_hash', 'amount', 'nonce', 'deposit_txid']) {
      expect(a.attestation[field]).toBe(b.attestation[field] ?? '');
    }
  });

  test('as a test is signed under the other tag and stored nowhere', async () => {
    const claim = { ...deposit(federation), test: true };
    const result = await attestBy(federation, 0, claim);
    const attestation = parsed(result.attestation);
    const { publicKey } = federation.key().attestation;
    expect(verifyAttestation('test', attestation, publicKey)).toBe(true);
    expect(verifyAttestation('mint', attestation, publicKey)).toBe(false);
    await federation.settle();
    for (const { index } of federation.members) {
      const { db } = federation.at(index).node.store;
      expect(getAttestation(db, claim)).toBeNull();
      expect(getDeposit(db, claim)).toBeNull();
    }
  });
});

describe('a wrong claim is refused by name', () => {
  const wrongs: Readonly<Record<string, (claim: Claim) => Claim>> = {
    deposit_wrong_amount: (claim) => ({ ...claim, amount: `${BigInt(claim.amount) + 1n}` }),
    deposit_wrong_script: (claim) => ({ ...claim, recipient: freshHash() }),
    deposit_not_found: (claim) => ({ ...claim, vout: claim.vout + 1 }),
    deposit_spent: (claim) => {
      for (const view of federation.chain.views) {
        view.confirmed.delete(outpointName(claim));
        view.withMempool.delete(outpointName(claim));
      }
      return claim;
    },
    attested_otherwise: (claim) => {
      for (const { index } of federation.members) {
        const { db } = federation.at(index).node.store;
        const item = { ...claim, recipient: freshHash(), amount: BigInt(claim.amount) };
        decideAttestations(db, [{ ...item, nonce: 1n, expiry: 1n }], Date.now());
      }
      return claim;
    },
  };

  for (const [reason, wrong] of Object.entries(wrongs)) {
    test(`${reason}, by participants whose coordinator lies, and nothing is decided for it`, async () => {
      const claim = wrong(deposit(federation));
      const result = await askAttestation(federation, 0, intentOf(claim), [1, 2]);
      expect(result).toEqual([`1: ${reason}`, `2: ${reason}`]);
      if (reason === 'attested_otherwise') return;
      expect(getAttestation(federation.at(1).node.store.db, claim)).toBeNull();
      expect(await codeOf(attestBy(federation, 0, claim))).toBe(reason);
    });
  }

  test('deposit_too_few_confirmations, by the coordinator and by participants', async () => {
    const claim = deposit(federation, 100_000n, 5);
    expect(await codeOf(attestBy(federation, 0, claim))).toBe('deposit_too_few_confirmations');
    const result = await askAttestation(federation, 0, intentOf(claim), [1, 2]);
    expect(result).toEqual(['1: deposit_too_few_confirmations', '2: deposit_too_few_confirmations']);
  });

  test('deposit_spent where the spending transaction is only in the mempool', async () => {
    const claim = deposit(federation);
    for (const view of federation.chain.views) view.withMempool.delete(outpointName(claim));
    const result = await askAttestation(federation, 0, intentOf(claim), [1, 2]);
    expect(result).toEqual(['1: deposit_spent', '2: deposit_spent']);
  });

  test('expiry_out_of_range for an expiry too late or too early', async () => {
    const claim = deposit(federation);
    for (const off of [-700, 700]) {
      const expiry = `${Math.floor(Date.now() / 1000) + 86_400 + off}`;
      const result = await askAttestation(federation, 0, intentOf(claim, { expiry }), [1, 2]);
      expect(result).toEqual(['1: expiry_out_of_range', '2: expiry_out_of_range']);
    }
  });

  test('bad_request for a deposit that is listed twice', async () => {
    const { items, ...rest } = intentOf(deposit(federation));
    const result = await askAttestation(federation, 0, { ...rest, items: [...items, ...items] }, [1, 2]);
    expect(result).toEqual(['1: bad_request', '2: bad_request']);
  });

  test('wrong_network where the nodes look at another network than the deposit', async () => {
    const claim = deposit(federation);
    const views = federation.chain.views;
    for (const view of views) Object.assign(view, { network: 'testnet' });
    const result = await askAttestation(federation, 0, intentOf(claim), [1, 2]);
    for (const view of views) Object.assign(view, { network: 'regtest' });
    // The address commits to no network: what differs is the chain on which the output must be found.
    expect(result).toEqual(['1: wrong_network', '2: wrong_network']);
  });

  test('bitcoin_unavailable by a node that sees no chain, and the others sign without it', async () => {
    const claim = deposit(federation);
    const blind = federation.chain.views[1];
    if (blind !== undefined) blind.unavailable = true;
    expect(await askAttestation(federation, 0, intentOf(claim), [1, 2])).toEqual([
      '1: bitcoin_unavailable',
      '2: signed',
    ]);
    const { signing } = await attestBy(federation, 0, claim);
    expect(signing.signers).toEqual([0, 2]);
  });
});

describe('an announced attestation', () => {
  async function announce(to: number, json: Readonly<Record<string, string | number>>): Promise<void> {
    const sent = await federation.send(1, to, { type: 'announce_attestations', body: { attestations: [{ ...json }] } });
    expect(sent.ok).toBe(true);
    await federation.settle(1);
  }

  test('with a wrong signature is not kept', async () => {
    const claim = deposit(federation);
    federation.meddle = ({ message }) => (message.type === 'announce_attestations' ? 'lost' : message);
    const { attestation } = await attestBy(federation, 0, claim);
    federation.meddle = ({ message }) => message;
    const known = federation.members.map(({ index }) => getAttestation(federation.at(index).node.store.db, claim));
    const stranger = known.indexOf(null);
    await announce(stranger, { ...attestation, signature: 'ab'.repeat(64) });
    expect(getAttestation(federation.at(stranger).node.store.db, claim)).toBeNull();
    await announce(stranger, attestation);
    expect(getAttestation(federation.at(stranger).node.store.db, claim)?.signature).toBe(
      String(attestation['signature']),
    );
  });

  test('is not kept while this node cannot verify the deposit, and kept once it can', async () => {
    const claim = deposit(federation);
    const blind = federation.chain.views[2];
    if (blind === undefined) throw new Error('there are three nodes');
    blind.unavailable = true;
    await attestBy(federation, 0, claim);
    await federation.settle();
    const { db } = federation.at(2).node.store;
    expect(getAttestation(db, claim)).toBeNull();
    blind.unavailable = false;
    await federation.settle();
    expect(getAttestation(db, claim)?.signature).not.toBeNull();
    expect(getUtxo(db, claim)?.status).toBe('unspent');
  });

  test('that this node chokes on does not cost it the announcements behind', async () => {
    const [first, second] = [deposit(federation), deposit(federation)];
    federation.down.add(2);
    const one = await attestBy(federation, 0, first);
    const two = await attestBy(federation, 0, second);
    federation.down.clear();
    const view = federation.chain.views[2];
    if (view === undefined) throw new Error('there are three nodes');
    const { tip } = view;
    let failures = 1;
    view.tip = async () => {
      if (failures-- > 0) throw new Error('a node that answers nonsense');
      return tip();
    };
    for (const { attestation } of [one, two]) {
      const body = { attestations: [{ ...attestation }] };
      const message = parseServiceMessage('announce_attestations', body);
      if (message === null || message === false || message.type !== 'announce_attestations') throw new Error('unread');
      federation.at(2).services.follower.take(1, message);
    }
    await federation.settle(3);
    view.tip = tip;
    const { db } = federation.at(2).node.store;
    expect(getAttestation(db, first)?.signature).toBe(String(one.attestation['signature']));
    expect(getAttestation(db, second)?.signature).toBe(String(two.attestation['signature']));
  });

  test('cannot be crowded out by another peer that announces nonsense', async () => {
    const claim = deposit(federation);
    federation.down.add(2);
    const { attestation } = await attestBy(federation, 0, claim);
    federation.down.clear();
    const body = { attestations: [{ ...attestation }] };
    expect((await federation.send(0, 2, { type: 'announce_attestations', body })).ok).toBe(true);
    const { follower } = federation.at(2).services;
    for (let i = 0; i < 1200; i++) follower.take(1, { type: 'announce_attestations', body: { attestations: [{ i }] } });
    await federation.settle(1);
    expect(getAttestation(federation.at(2).node.store.db, claim)?.signature).toBe(String(attestation['signature']));
  });
});
