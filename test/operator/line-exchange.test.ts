// Steps and lists of burns between peers: what is told is verified, and whoever tells lies costs nobody else anything.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { lineRoot } from '../../operator/chain-state/line-terms.ts';
import { type StepTaken, takeStep } from '../../operator/payouts/line-exchange.ts';
import { lineSchemas, type StepTold } from '../../operator/peers/messages-line.ts';
import { getStep, listLine } from '../../store/line.ts';
import { BridgeWorld } from './bridge-world.ts';
import type { Meddle } from './federation-in-memory.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
  world.federation.meddle = apart;
});
afterEach(() => world.close());

/** Node 2 hears of no step by itself. */
const apart: Meddle = ({ from, to, message }) =>
  (to === 2 || from === 2) && ['announce_step', 'line_request', 'sign_request', 'nonce_request'].includes(message.type)
    ? 'lost'
    : message;
const bridgeOf = (index: number) => world.federation.at(index).services.bridge;

/** Pays burns in steps that follow one another, and gives them as node 0 tells them. */
async function told(count: number): Promise<readonly StepTold[]> {
  for (let n = 0; n < count; n++) {
    const one = world.burn();
    for (let tries = 0; world.paymentsOf(one).length === 0 && tries < 20; tries++) {
      await world.rounds(1, [0, 1]);
      world.pass(11);
    }
    if (n + 1 < count) world.chain.mine(() => true);
    world.views[0]?.catchUp();
    world.views[1]?.catchUp();
    await world.rounds(1, [0, 1]);
  }
  return listLine(world.db(0))
    .rows.map(({ intent, signedTx }) =>
      lineSchemas.announce_step.parse(JSON.parse(JSON.stringify({ intent, transaction: signedTx }))),
    )
    .reverse();
}

async function take(step: StepTold): Promise<StepTaken> {
  const key = world.federation.key(2);
  const root = lineRoot(world.db(2), key);
  if (root === null) throw new Error('the treasury is open');
  return takeStep(bridgeOf(2), key, root, { from: 0, told: step });
}

const total = () => listLine(world.db(2)).total;

describe('an announced step', () => {
  test('is kept with its list once its signatures verify, and sent to the own nodes', async () => {
    const [step] = await told(1);
    if (step === undefined) throw new Error('a step was made');
    const [txid = ''] = [...world.chain.mempool.keys()];
    world.chain.evict(txid);
    expect(await take(step)).toBe('done');
    expect(getStep(world.db(2), txid)).toMatchObject({ signedTx: step.transaction, kind: 'payout', decidedAt: null });
    expect([...world.chain.mempool.keys()]).toEqual([txid]);
  });

  test('with a wrong signature, another meaning or as a test is not kept', async () => {
    const [step] = await told(1);
    if (step === undefined) throw new Error('a step was made');
    const { intent, transaction } = step;
    const other = transaction.replace(/.(?=.{12}$)/, (digit) => (digit === '0' ? '1' : '0'));
    const lies: readonly StepTold[] = [
      { intent, transaction: other },
      { intent, transaction: '00' },
      { intent: { ...intent, fee: `${BigInt(intent.fee) + 1n}` }, transaction },
      { intent: { ...intent, test: true }, transaction },
      { intent: { ...intent, burns: [] }, transaction },
    ];
    for (const lie of lies) expect(await take(lie)).toBe('wrong');
    expect(total()).toBe(0);
    expect(await take(step)).toBe('done');
    expect(total()).toBe(1);
  });

  test('whose parent is missing is tried again, and kept once the parent has come', async () => {
    const [first, second] = await told(2);
    if (first === undefined || second === undefined) throw new Error('two steps were made');
    const { line } = world.federation.at(2).services;
    const pull = () => line.pull(world.federation.key(2), new AbortController().signal);
    line.take(0, second);
    await pull();
    expect(total()).toBe(0);
    line.take(0, first);
    await pull();
    await pull();
    expect(total()).toBe(2);
  });

  test('of one peer displaces its own oldest beyond 32, and never one of another peer', async () => {
    const [step] = await told(1);
    if (step === undefined) throw new Error('a step was made');
    const { line } = world.federation.at(2).services;
    line.take(1, step);
    const orphan = { ...step, intent: { ...step.intent, treasury: { ...step.intent.treasury, vout: 7 } } };
    for (let n = 0; n < 100; n++) line.take(0, orphan);
    await line.pull(world.federation.key(2), new AbortController().signal);
    expect(total()).toBe(1);
  });
});

describe('a peer that sends wrong steps', () => {
  const pull = () => world.federation.at(2).services.line.pull(world.federation.key(2), new AbortController().signal);
  const wrong = () => world.logged('told_step_wrong', 2).length;

  test('costs this node one check of signatures a round, however many it announces, and another peer nothing', async () => {
    const [step] = await told(1);
    if (step === undefined) throw new Error('a step was made');
    const lie = {
      ...step,
      transaction: step.transaction.replace(/.(?=.{12}$)/, (digit) => (digit === '0' ? '1' : '0')),
    };
    const { line } = world.federation.at(2).services;
    for (let n = 0; n < 32; n++) line.take(0, lie);
    line.take(1, step);
    await pull();
    expect(wrong()).toBe(1);
    expect(total()).toBe(1);
    await pull();
    expect(wrong()).toBe(1);
  }, 60_000);

  test('in its answer: the rest of that answer is ignored', async () => {
    const [step] = await told(1);
    if (step === undefined) throw new Error('a step was made');
    world.federation.meddle = ({ from, message }) => (from === 2 && message.type === 'line_request' ? message : 'lost');
    const lie = { ...step, transaction: '00' };
    world.federation.meddleReply = ({ replies }) =>
      replies.map(({ type, body }) =>
        type === 'line' ? { type, body: { steps: Array(20).fill(lie), lists: [] } } : { type, body },
      );
    await pull();
    expect(wrong()).toBe(2);
    expect(total()).toBe(0);
  }, 60_000);
});

describe('what waits', () => {
  test('is learnt from peers where the announcement was lost, parents first', async () => {
    await told(1);
    world.federation.meddle = ({ message }) => (message.type === 'announce_step' ? 'lost' : message);
    world.pass(61);
    const { line } = world.federation.at(2).services;
    await line.pull(world.federation.key(2), new AbortController().signal);
    expect(listLine(world.db(2)).rows).toMatchObject([{ kind: 'payout', height: null }]);
  });

  test('is not sent before the treasury is open, nor is a step that the asker holds', async () => {
    const [step] = await told(1);
    const { line } = world.federation.at(0).services;
    const [txid = ''] = [...world.chain.mempool.keys()];
    expect(line.answer({ held: [], unlisted: [] }).steps).toEqual([step ?? []].flat());
    expect(line.answer({ held: [txid], unlisted: [] }).steps).toEqual([]);
    expect(line.answer({ held: [txid], unlisted: [txid] }).lists).toEqual([step?.intent ?? []].flat());
    expect(line.answer({ held: [], unlisted: ['ee'.repeat(32)] }).lists).toEqual([]);
  });
});

describe('the list of a step that is known by its bytes alone', () => {
  test('comes from a peer where the own Wire nodes do not know the burn, and only if it fits the commitment', async () => {
    const ledger = world.federation.chain.ledgers[2];
    if (ledger === undefined) throw new Error('every node has a ledger');
    Object.assign(ledger, { burns: async () => [], burn: async () => null });
    await told(1);
    world.mine(1);
    await world.rounds(2);
    const [step] = listLine(world.db(2)).rows;
    expect(step).toMatchObject({ kind: null, burns: null });
    world.federation.meddle = ({ message }) => (message.type === 'announce_step' ? 'lost' : message);
    world.federation.meddleReply = ({ replies }) =>
      replies.map((reply) => {
        if (reply.type !== 'line') return reply;
        const answer = lineSchemas.line.parse(reply.body);
        const lists = answer.lists.map((list) => ({
          ...list,
          burns: list.burns.map((burn) => ({ ...burn, nullifier: 'ee'.repeat(32) })),
        }));
        return { type: 'line', body: JSON.parse(JSON.stringify({ ...answer, lists })) };
      });
    world.pass(61);
    await world.rounds(1, [2]);
    expect(getStep(world.db(2), step?.txid ?? '')?.burns).toBeNull();
    world.federation.meddleReply = ({ replies }) => replies;
    world.pass(61);
    await world.rounds(1, [2]);
    expect(getStep(world.db(2), step?.txid ?? '')).toMatchObject({ kind: 'payout', burns: [{}] });
  });
});
