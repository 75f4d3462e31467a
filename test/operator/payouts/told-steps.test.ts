// What a peer tells of a step that the group has signed counts as far as its transaction shows it, and no further.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { buildLine, rootSurplus } from '../../../chain/line.ts';
import { type LineBurn, parseLineIntent } from '../../../chain/line-intent.ts';
import { lineSchema } from '../../../crypto/line-json.ts';
import { lineRoot, lineTerms } from '../../../operator/chain-state/line-terms.ts';
import { type StepTaken, storedStep, takeStep } from '../../../operator/payouts/line-exchange.ts';
import { lineSchemas } from '../../../operator/peers/messages-line.ts';
import { getStep, type LineStep, listLine, recordStep, UNMINED_PER_PEER_MAX } from '../../../store/line.ts';
import { BridgeWorld } from '../bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

const NODE = 2;

/** A payout of two burns that the others have signed; the last node has forgotten it. */
async function forgotten(): Promise<LineStep> {
  const burns = [world.burn({ amount: 20_000n, fee: 5_000n }), world.burn({ amount: 30_000n, fee: 5_000n })];
  for (const one of burns) await world.untilAll(one, 'signed');
  const [step] = listLine(world.db(NODE)).rows.filter(({ burns: paid }) => paid?.length === 2);
  if (step === undefined) throw new Error('one step pays both');
  for (const { txid } of listLine(world.db(NODE)).rows)
    world.db(NODE).run(`delete from line_steps where txid = '${txid}'`);
  expect(getStep(world.db(NODE), step.txid)).toBeNull();
  return step;
}

function take(step: LineStep, intent: unknown): Promise<StepTaken> {
  const { services } = world.federation.at(NODE);
  const key = world.federation.key(NODE);
  const root = lineRoot(world.db(NODE), key);
  if (root === null) throw new Error('the treasury is open');
  const told = { intent: lineSchema.parse(intent), transaction: step.signedTx ?? '' };
  return takeStep(services.bridge, key, root, { from: 0, told });
}

test('with other fees of its burns than Wire shows, it is kept with what Wire shows', async () => {
  const step = await forgotten();
  const truth = lineSchema.parse(step.intent);
  const shifted = truth.burns.map((one, index) => {
    const by = index === 0 ? 100n : -100n;
    return { ...one, amount: `${BigInt(one.amount) + by}`, fee: `${BigInt(one.fee) + by}` };
  });
  expect(await take(step, { ...truth, burns: shifted })).toBe('done');
  const { intent, fee } = getStep(world.db(NODE), step.txid) ?? {};
  expect(intent).toEqual(step.intent);
  expect(fee).toBe(step.fee ?? 0n);
}, 60_000);

test('whose list this node finds by itself is kept with its fee and its meaning', async () => {
  const { root: _, depth: __, signedAt: ___, decidedAt: ____, createdAt: _____, ...step } = await forgotten();
  const unlisted = { ...step, kind: null, burns: null, fee: null, intent: null, askedBy: null };
  expect(recordStep(world.db(NODE), unlisted, 1)).toMatchObject({ ok: true });
  await world.rounds(1, [NODE]);
  const found = getStep(world.db(NODE), step.txid);
  expect(found?.fee).toBe(step.fee ?? 0n);
  expect(parseLineIntent(found?.intent)).toEqual(parseLineIntent(step.intent));
}, 60_000);

/** So many steps that pay a burn, each with another fee, as peer 1 would have this node keep them. */
function manySteps(count: number, burn: LineBurn, isListed: boolean): readonly string[] {
  const key = world.federation.key(NODE);
  const root = lineRoot(world.db(NODE), key);
  if (root === null) throw new Error('the treasury is open');
  const terms = { ...lineTerms(world.federation.member(NODE).config, key), root };
  return Array.from({ length: count }, (_, index) => {
    const { txid, vout, amount } = root;
    const rest = { test: false, swept: [], destination: null, treasury: { txid, vout, amount } };
    const fee = 1_000n + BigInt(index);
    const surplus = rootSurplus(root) + burn.fee - fee;
    const formed = buildLine(terms, { ...rest, step: 'payout', burns: [burn], fee, surplus });
    if (!formed.ok) throw new Error(formed.detail);
    const step = storedStep(formed.built, root, key);
    const list = isListed ? {} : { kind: null, burns: null, fee: null, intent: null };
    const askedBy = isListed ? 1 : null;
    recordStep(world.db(NODE), { ...step, ...list, signedTx: null, height: null, blockHash: null, askedBy }, index);
    return step.txid;
  });
}

test('are kept in a bounded number for each peer that sent them, and the newest are kept', async () => {
  const burn = world.burn({ amount: 20_000n, fee: 5_000n, confirmations: 1 });
  const txids = manySteps(UNMINED_PER_PEER_MAX + 8, burn, true);
  await world.rounds(1, [NODE]);
  const kept = listLine(world.db(NODE), { limit: 100 }).rows.map(({ txid }) => txid);
  expect(kept.sort()).toEqual(txids.slice(-UNMINED_PER_PEER_MAX).sort());
}, 60_000);

test('whose list no peer sends do not keep this node from asking for other lists', async () => {
  const { address } = world.burn({ amount: 20_000n, fee: 5_000n, confirmations: 1 });
  const name = 'ab'.repeat(32);
  const txids = manySteps(70, { burnTxid: name, nullifier: name, address, amount: 30_000n, fee: 5_000n }, false);
  world.federation.sent.length = 0;
  for (let times = 0; times < 2; times++) {
    await world.rounds(1, [NODE]);
    world.pass(60);
  }
  const asked = world.federation.sent.flatMap(({ message: { type, body } }) =>
    type === 'line_request' ? lineSchemas.line_request.parse(body).unlisted : [],
  );
  expect(new Set(asked).size).toBe(txids.length);
}, 60_000);
