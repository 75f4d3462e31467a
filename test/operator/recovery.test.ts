// Catching up: what a node takes over from its peers, and what a lying one can and cannot make it do.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { GuardState } from '../../ceremony/guard.ts';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import { type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { buildPayout } from '../../chain/transaction.ts';
import { type WireBurn, WireLedgerError } from '../../chain/wire-ledger.ts';
import { mintNonce } from '../../crypto/attestation.ts';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { askDecisions, tellDecisions } from '../../operator/guard/decisions-exchange.ts';
import type { Decisions } from '../../operator/guard/messages-guard.ts';
import { catchUp, type RecoveryTask, type RecoveryVerdict } from '../../operator/guard/recovery.ts';
import { newsFor } from '../../operator/guard/recovery-news.ts';
import { awaited } from '../../operator/guard/recovery-waiting.ts';
import { parseServiceMessage } from '../../operator/messages.ts';
import type { PeerClient } from '../../operator/transport/deliver.ts';
import { decideAttestations, getAttestation } from '../../store/attestations.ts';
import { listAudit } from '../../store/audit-log.ts';
import { recordBurn } from '../../store/burns.ts';
import { isContested, listContested } from '../../store/contested-burns.ts';
import { transact } from '../../store/database.ts';
import { getNodeState } from '../../store/node-state.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { recordPayoutSigned } from '../../store/payout-progress.ts';
import { decidePayout } from '../../store/payouts.ts';
import { attestBy, burn, deposit, freshHash, minted, planned, withdrawBy } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
beforeEach(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
});
afterEach(() => federation.close());

const WIRE = { wireSeq: 1n, wireHeight: 5 };
const db = (index: number) => federation.at(index).node.store.db;
const txidOf = (intent: PayoutIntent): string => buildPayout(intent, federation.key().bitcoin.publicKey).txid;

/** Node 2 catches up with what 0 and 1 tell; `lie` changes what a peer tells, `phases` say where they stand themselves. */
function catchUpAt2(
  lie: (peer: number, told: Decisions) => Decisions | null = (_, told) => told,
  { phases = [], ...asked }: { phases?: readonly GuardState['phase'][] } & Partial<RecoveryTask> = {},
): Promise<RecoveryVerdict> {
  const { node } = federation.at(2);
  const client: PeerClient = {
    async send(to, { body }) {
      const asked = parseServiceMessage('decisions_request', body);
      if (asked === null || asked === false || asked.type !== 'decisions_request') throw new Error('not asked rightly');
      const told = lie(to, tellDecisions(db(to), asked.body, phases[to] ?? 'live'));
      if (told === null) return { ok: false, error: 'unreachable', rejection: null, detail: 'down' };
      const messages = [{ type: 'decisions', body: JSON.parse(JSON.stringify(told)) }];
      return { ok: true, messages, boot: '', peerTime: 0, roundTripMs: 1 };
    },
  };
  const { keys, bitcoin, judge } = node;
  const { effects, log } = node.input;
  const epoch = getNodeState(db(2)).epoch + 1;
  const task = { epoch, since: 0, peers: [0, 1], needed: 2, anyCounts: false, ...asked };
  return catchUp({ db: db(2), keys, bitcoin, judge, effects, log, client }, task);
}

/** Has a node decide a payout, as it does before it gives a share. */
async function decideAt(index: number, intent: PayoutIntent): Promise<boolean> {
  const json = payoutIntentSchema.parse(payoutIntentJson(intent));
  const judgement = await federation.at(index).node.judge.judge(json, federation.key().keyId, 'bip340');
  if (!judgement.ok) throw new Error(`${judgement.reason}: ${judgement.detail}`);
  return judgement.decide().ok;
}

/** Two payouts of one burn that can both be mined: the one that node 0 proposes, and one with another coin. */
async function rivals() {
  const coins = [await minted(federation, 500_000n), await minted(federation, 600_000n)];
  const due = burn(federation);
  const intent = await planned(federation, 0, [due]);
  const [input] = intent.inputs;
  const other = coins.find(({ txid }) => txid !== input?.txid);
  if (input === undefined || other?.recipient === undefined) throw new Error('two coins');
  const recipient = Uint8Array.from(Buffer.from(other.recipient, 'hex'));
  const leaf = { kind: 'deposit', recipient } as const;
  const inputs = [{ txid: other.txid, vout: other.vout, amount: BigInt(other.amount), leaf }];
  const difference = BigInt(other.amount) - input.amount;
  const outputs = intent.outputs.map((output, i) =>
    i === 0 ? output : { ...output, amount: output.amount + difference },
  );
  return { due, intent, rival: { ...intent, inputs, outputs } };
}

/** A payout as large as nodes sign them, of burns and coins that exist nowhere, beside a burn and a coin that do. */
async function largePayout() {
  const due = burn(federation);
  const intent = await planned(federation, 0, [due]);
  const [one, input, output] = [payoutIntentJson(intent), intent.inputs[0], intent.outputs[0]];
  if (input === undefined || output === undefined) throw new Error('a payout has inputs and outputs');
  const large = payoutIntentSchema.parse({
    ...(typeof one === 'object' ? one : {}),
    burns: Array.from({ length: 200 }, () => ({
      ...{ burn_txid: freshHash(), address: due.address, amount: `${due.amount}`, fee: `${due.fee}` },
    })),
    outputs: Array.from({ length: 201 }, () => ({ script: toHex(output.script), amount: `${output.amount}` })),
    inputs: Array.from({ length: 128 }, (_, vout) => ({
      ...{ txid: freshHash(), vout, amount: '50000', leaf: { kind: 'deposit', recipient: freshHash() } },
    })),
  });
  return { due, large, coin: { txid: input.txid, vout: input.vout } };
}

/** A burn that is paid, as node 2 knows, and another of the same address and amount, which the others pay without it. */
async function twins() {
  await minted(federation, 500_000n);
  await minted(federation, 600_000n);
  const known = burn(federation);
  const { txid } = await withdrawBy(federation, 0, [known]);
  await federation.settle();
  await federation.at(2).services.follower.round();
  expect(getPayout(db(2), txid)?.signedTx).toBe(getPayout(db(0), txid)?.signedTx ?? '');
  const twin = burn(federation, { address: known.address });
  federation.down.add(2);
  const missed = await withdrawBy(federation, 0, [twin]);
  await federation.settle();
  return { known, twin, missed: missed.txid };
}

/** Has peers tell that what pays one burn pays another, each before what else it tells. */
function sayingItPays(burns: { readonly twin: WireBurn; readonly known: WireBurn }, liars: readonly number[]) {
  const changed = (payout: Decisions['payouts'][number]): Decisions['payouts'][number] => ({
    ...payout,
    intent: {
      ...payout.intent,
      burns: payout.intent.burns.map((one) =>
        one.burn_txid === burns.twin.burnTxid ? { ...one, burn_txid: burns.known.burnTxid } : one,
      ),
    },
  });
  return (peer: number, told: Decisions): Decisions =>
    liars.includes(peer) ? { ...told, payouts: told.payouts.map(changed) } : told;
}

describe('a node that catches up', () => {
  test('takes over what the federation has signed, and hands in and follows it like its own', async () => {
    await minted(federation);
    federation.down.add(2);
    const missed = deposit(federation, 200_000n);
    await attestBy(federation, 0, missed);
    const paid = await withdrawBy(federation, 0, [burn(federation)]);
    expect(getAttestation(db(2), missed)).toBeNull();
    expect(await catchUpAt2()).toMatchObject({ kind: 'recovered' });
    expect(getAttestation(db(2), missed)?.signature).toBe(getAttestation(db(0), missed)?.signature ?? '');
    expect(getPayout(db(2), paid.txid)?.status).toBe('signed');
    expect(getNodeState(db(2)).epoch).toBe(1);
    const [entry] = listAudit(db(2)).rows;
    expect(entry).toMatchObject({
      kind: 'state_recovered',
      body: { told_by: [0, 1], adopted: 2, contested: 0, epoch: 1 },
    });
  });

  test('is bound by a payout that one peer alone has decided, as it may have signed that', async () => {
    await minted(federation, 500_000n);
    await minted(federation, 600_000n);
    const due = burn(federation);
    const intent = await planned(federation, 1, [due]);
    expect(await decideAt(1, intent)).toBe(true);
    expect(await catchUpAt2()).toMatchObject({ kind: 'recovered' });
    expect(getPayout(db(2), txidOf(intent))?.status).toBe('decided');
    expect(listContested(db(2), 0)).toEqual([]);
  });

  test('decides nothing more for a burn of which two peers have decided payouts that can both be mined', async () => {
    const { due, intent, rival } = await rivals();
    expect([await decideAt(0, intent), await decideAt(1, rival)]).toEqual([true, true]);
    expect(await catchUpAt2()).toMatchObject({ kind: 'recovered' });
    expect(isContested(db(2), due.burnTxid)).toBe(true);
    for (const one of [intent, rival]) expect(await decideAt(2, one)).toBe(false);
    // Another burn is none of its business.
    expect(await decideAt(2, await planned(federation, 2, [burn(federation)]))).toBe(true);
  });

  test('waits for the peers that are missing, and for its own Bitcoin and Wire nodes, and changes nothing meanwhile', async () => {
    await minted(federation);
    await decideAt(0, await planned(federation, 0, [burn(federation)]));
    const before = listAudit(db(2)).total;
    const alone = await catchUpAt2((peer, told) => (peer === 0 ? null : told));
    expect(alone).toEqual({ kind: 'waiting', detail: 'operator 0 must be reached; 1 told what was decided' });
    const silent = await catchUpAt2(() => null);
    expect(silent).toEqual({ kind: 'waiting', detail: 'operators 0, 1 must be reached' });
    const [ledger, view] = [federation.chain.ledgers[2], federation.chain.views[2]];
    if (ledger === undefined || view === undefined) throw new Error('every member has a view');
    const ask = ledger.burn;
    ledger.burn = async () => {
      throw new WireLedgerError('the Wire nodes are down');
    };
    expect(await catchUpAt2()).toMatchObject({ kind: 'waiting' });
    ledger.burn = ask;
    const transaction = view.transaction;
    view.transaction = async () => {
      throw new Error('the Bitcoin nodes are down');
    };
    expect(await catchUpAt2()).toMatchObject({ kind: 'waiting' });
    view.transaction = transaction;
    expect(listAudit(db(2)).total).toBe(before);
    expect(getNodeState(db(2)).epoch).toBe(0);
    expect(await catchUpAt2()).toMatchObject({ kind: 'recovered' });
  });

  test('takes no word for whole of a peer that is not live itself, until every peer has told', async () => {
    await minted(federation);
    await decideAt(0, await planned(federation, 0, [burn(federation)]));
    const only = (who: number) => (peer: number, told: Decisions) => (peer === who ? told : null);
    for (const phase of ['starting', 'catching_up', 'halted'] as const) {
      const verdict = await catchUpAt2(only(1), { phases: ['live', phase], needed: 1 });
      const detail =
        'operator 0 must be reached; 1 told what was decided; the word of 1, signing nothing as well, counts after five minutes';
      expect(verdict).toEqual({ kind: 'waiting', detail });
    }
    expect(getNodeState(db(2)).epoch).toBe(0);
    const waited = await catchUpAt2(only(1), { phases: ['live', 'catching_up'], needed: 1, anyCounts: true });
    expect(waited).toMatchObject({ kind: 'recovered' });
    expect(await catchUpAt2(only(0), { phases: ['live', 'live'], needed: 1 })).toMatchObject({ kind: 'recovered' });
    const all = await catchUpAt2(undefined, { phases: ['starting', 'catching_up'], needed: 1 });
    expect(all).toMatchObject({ kind: 'recovered' });
  });

  test('counts as not live a peer that ceases to be so while it tells', async () => {
    let windows = 0;
    const told = await catchUpAt2((peer, window) => (peer === 0 ? null : { ...window, whole: windows++ === 0 }), {
      needed: 1,
    });
    expect(windows).toBeGreaterThan(1);
    expect(told.kind).toBe('waiting');
  });

  test('stops with nothing changed where the federation has signed what contradicts its own decision', async () => {
    federation.down.add(2);
    const claim = deposit(federation, 200_000n);
    const { txid, vout } = claim;
    const otherwise = {
      txid,
      vout,
      recipient: freshHash(),
      amount: 200_000n,
      nonce: mintNonce(txid, vout),
      expiry: 5n,
    };
    decideAttestations(db(2), [otherwise], 1);
    await attestBy(federation, 0, claim);
    const before = listAudit(db(2)).total;
    expect(await catchUpAt2()).toMatchObject({ kind: 'contradiction' });
    expect(listAudit(db(2)).total).toBe(before);
    expect(getNodeState(db(2)).epoch).toBe(0);
  });

  test('stops with nothing changed where the federation has signed two payouts of one burn that can both be mined', async () => {
    const { due, intent, rival } = await rivals();
    expect(await decideAt(2, rival)).toBe(true);
    recordPayoutSigned(db(2), txidOf(rival), '00', 1);
    federation.down.add(2);
    const paid = await withdrawBy(federation, 0, [due]);
    expect(paid.txid).toBe(txidOf(intent));
    // Another burn that is paid otherwise explains nothing.
    recordBurn(db(2), { ...burn(federation, { address: due.address, amount: due.amount + 1n }), ...WIRE }, 1);
    const before = listAudit(db(2)).total;
    expect(await catchUpAt2()).toEqual({
      kind: 'contradiction',
      detail: `burn ${due.burnTxid} has two signed payouts that can both be mined: ${txidOf(rival)}, ${paid.txid}`,
    });
    expect(listAudit(db(2)).total).toBe(before);
    expect(getPayout(db(2), paid.txid)).toBeNull();
    expect(getNodeState(db(2)).epoch).toBe(0);
  });

  test('asks on until the end of what a peer has, and not for ever where a peer never ends', async () => {
    const items = Array.from({ length: 2_500 }, (_, i) => {
      const outpoint = { txid: freshHash(), vout: i };
      return { ...outpoint, recipient: freshHash(), amount: 5n, nonce: mintNonce(outpoint.txid, i), expiry: 5n };
    });
    for (let at = 0; at < items.length; at += 1_000) decideAttestations(db(0), items.slice(at, at + 1_000), 1);
    const windows: number[] = [];
    await catchUpAt2((peer, told) => {
      if (peer === 0) windows.push(told.attestations.length);
      return told;
    });
    expect(windows.reduce((sum, length) => sum + length, 0)).toBe(2_500);
    const endless = await catchUpAt2((_, told) => ({ ...told, next: { table: 'payouts', after: 0 } }));
    expect(endless.kind).toBe('waiting');
  });
});

describe('a peer that lies', () => {
  test('gets no attestation kept that neither the group has signed nor the chain shows', async () => {
    const real = deposit(federation);
    const claim = { txid: real.txid, vout: real.vout, recipient: freshHash(), amount: real.amount, expiry: '99' };
    const signatures = [null, 'ab'.repeat(64)] as const;
    const attestations = signatures.map((signature) => ({
      ...claim,
      signature,
      signature_expiry: signature === null ? null : '99',
    }));
    const lie = (peer: number, told: Decisions): Decisions => (peer === 1 ? { ...told, attestations } : told);
    expect(await catchUpAt2(lie)).toMatchObject({ kind: 'recovered' });
    expect(getAttestation(db(2), real)).toBeNull();
  });

  test('gets no payout kept that pays otherwise than the burn says, and halts nobody', async () => {
    await minted(federation);
    const due = burn(federation);
    const intent = await planned(federation, 0, [due]);
    const outputs = intent.outputs.map((output, i) => (i === 0 ? { ...output, amount: output.amount - 1n } : output));
    const payouts = [
      { intent: payoutIntentSchema.parse(payoutIntentJson({ ...intent, outputs })), transaction: '0200' },
    ];
    const lie = (peer: number, told: Decisions): Decisions => (peer === 1 ? { ...told, payouts } : told);
    expect(await catchUpAt2(lie)).toMatchObject({ kind: 'recovered' });
    expect(getPayout(db(2), txidOf({ ...intent, outputs }))).toBeNull();
  });

  test.each([0, 1])(
    'cannot halt a node by telling that a payout of one burn pays another burn of the same address and amount (%d lies)',
    async (liar) => {
      const { known, twin, missed } = await twins();
      expect(await catchUpAt2(sayingItPays({ known, twin }, [liar]))).toMatchObject({ kind: 'recovered' });
      expect(getPayout(db(2), missed)?.burns.map(({ burnTxid }) => burnTxid)).toEqual([twin.burnTxid]);
      const [entry] = listAudit(db(2)).rows;
      expect(entry).toMatchObject({ body: { doubted: [{ burn_txid: known.burnTxid, txid: missed }] } });
    },
  );

  test('cannot halt a node that knows another burn which is paid alike, where nobody tells the truth', async () => {
    const { known, twin, missed } = await twins();
    recordBurn(db(2), { ...twin, ...WIRE }, 1);
    const verdict = await catchUpAt2(sayingItPays({ known, twin }, [0, 1]));
    expect(verdict.kind).toBe('recovered');
    expect(verdict.detail).toContain('not taken over: 1 signed payout');
    expect(getPayout(db(2), missed)).toBeNull();
  });

  test('cannot keep a node from catching up by what it had another node decide in vain', async () => {
    await minted(federation);
    const { due, large, coin } = await largePayout();
    recordBurn(db(0), { ...due, ...WIRE }, 1);
    transact(db(0), (tx) => {
      for (let version = 0; version < 900; version++) {
        const unsigned = utf8(`version ${version}`);
        const decision = {
          txid: toHex(sha256(sha256(unsigned)).reverse()),
          unsignedTx: toHex(unsigned),
          inputs: [coin],
          burns: [{ burnTxid: due.burnTxid, outputIndex: 0 }],
          ...{ fee: BigInt(version), feeRate: 1, change: null, intent: large },
        };
        decidePayout(tx, decision, 1);
      }
    });
    expect(await catchUpAt2()).toMatchObject({ kind: 'recovered' });
  }, 120_000);

  test('cannot fill the store of a node with the coins of payouts that it makes up', async () => {
    await minted(federation);
    const { large } = await largePayout();
    const [output] = large.outputs;
    if (output === undefined) throw new Error('a payout has outputs');
    const payouts = Array.from({ length: 6 }, (_, version) => {
      const outputs = [...large.outputs.slice(1), { ...output, amount: `${BigInt(output.amount) - BigInt(version)}` }];
      return { intent: { ...large, outputs }, transaction: null };
    });
    const lie = (peer: number, told: Decisions): Decisions => (peer === 1 ? { ...told, payouts } : told);
    expect(await catchUpAt2(lie)).toMatchObject({ kind: 'recovered' });
    const contested = listContested(db(2), 0);
    expect(contested).toHaveLength(200);
    for (const { claims } of contested) expect(claims?.map(({ inputs }) => inputs.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('that tells more than is taken in is not heard to its end', async () => {
    let windows = 0;
    const claim = { txid: freshHash(), vout: 0, recipient: freshHash(), amount: '5', expiry: '9' };
    const attestations = [{ ...claim, signature: null, signature_expiry: null }];
    const client: PeerClient = {
      async send() {
        windows += 1;
        const body = { whole: true, attestations, payouts: [], next: { table: 'attestations', after: windows } };
        return { ok: true, messages: [{ type: 'decisions', body }], boot: '', peerTime: 0, roundTripMs: 1 };
      },
    };
    const wanted = { charactersMax: 2_000, attestation: () => true, payout: () => null };
    expect(await askDecisions(client, 0, 0, wanted)).toBe('too_much');
    expect(windows).toBeLessThan(10);
    const answers = ['too_much', null, { peer: 3, whole: true }] as const;
    expect(awaited({ peers: [0, 1, 3], needed: 3 }, answers)).toBe(
      'operator 1 must be reached; operator 0 told of more than 454 MiB of decisions, which is not taken in; 3 told what was decided',
    );
    expect(awaited({ peers: [0], needed: 1 }, ['too_much'])).toStartWith('operator 0 told of more than');
  });

  test('takes no room with what the node knows already, or with what another has told', async () => {
    await minted(federation);
    const { txid } = await withdrawBy(federation, 0, [burn(federation)]);
    await federation.settle();
    await federation.at(2).services.follower.round();
    const { payouts } = tellDecisions(db(0), { cursor: { table: 'payouts', after: 0 }, since: 0 }, 'live');
    const [known] = payouts;
    if (known === undefined || payouts.length > 1) throw new Error('one payout');
    expect(getPayout(db(2), txid)?.signedTx).toBe(known.transaction);
    const news = newsFor(db(2), 2);
    expect(news.payout(known)).toBeNull();
    expect(news.payout({ ...known, transaction: null })).toBeNull();
    const [paid] = known.intent.burns;
    if (paid === undefined) throw new Error('one burn');
    const lie = { ...known, intent: { ...known.intent, burns: [paid, { ...paid, burn_txid: freshHash() }] } };
    expect(news.payout(lie)).toBe(lie);
    // The same from two peers is held once.
    expect(news.payout(structuredClone(lie))).toBe(lie);
    const unknown = newsFor(db(1), 2);
    expect(unknown.payout({ ...known, intent: { ...known.intent, outputs: [] } })).not.toBeNull();
  });
});
