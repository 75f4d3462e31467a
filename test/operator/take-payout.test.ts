// A payout that peers tell of is read once, whoever tells it; what is kept of that must never stand for anything else.
import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test';
import * as signedPayout from '../../chain/signed-payout.ts';
import { takePayout } from '../../operator/bridge/take-payout.ts';
import { preparePayout } from '../../operator/guard/recovery-payouts.ts';
import { parseServiceMessage } from '../../operator/messages.ts';
import { getPayout, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { burn, minted, withdrawBy } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

/** Most payouts that a process keeps what it has read of. */
const KEPT_MAX = 256;
/** The node that has not heard of the payout. */
const HEARER = 2;

const verified = spyOn(signedPayout, 'checkSignedPayout');
let ours: FederationInMemory;
let theirs: FederationInMemory;
beforeAll(async () => {
  [ours, theirs] = [await FederationInMemory.make(), await FederationInMemory.make()];
  for (const federation of [ours, theirs]) await federation.dkgByAll();
});
afterAll(async () => {
  verified.mockRestore();
  for (const federation of [ours, theirs]) await federation.close();
});

/** A burn that two of three have paid, and what they tell the third of it, which has not heard. */
async function paid(federation = ours) {
  federation.meddle = ({ message }) => message;
  await minted(federation);
  federation.meddle = ({ message }) => (message.type.startsWith('announce_') ? 'lost' : message);
  federation.down.add(HEARER);
  federation.sent.length = 0;
  const { txid } = await withdrawBy(federation, 0, [burn(federation)]);
  federation.down.delete(HEARER);
  const announced = federation.sent.find(({ message }) => message.type === 'announce_payout')?.message;
  const told = announced === undefined ? null : parseServiceMessage('announce_payout', announced.body);
  if (told === null || told === false || told.type !== 'announce_payout') throw new Error('a payout is announced');
  const { bridge } = federation.at(HEARER).services;
  const { log } = federation.member(HEARER);
  const before = log.length;
  const wrong = () => log.slice(before).filter((line) => line.includes('announced_payout_wrong')).length;
  verified.mockClear();
  return { bridge, txid, told: told.body, wrong, kept: () => getPayout(bridge.db, txid)?.signedTx ?? null };
}

/** A signed transaction with one bit of its last signature changed: the nine hex digits behind it are its lock time. */
function spoiled(transaction: string): string {
  const at = transaction.length - 9;
  return `${transaction.slice(0, at)}${transaction[at] === '0' ? '1' : '0'}${transaction.slice(at + 1)}`;
}

test('a payout that every peer tells of, again and again, has its signatures verified once', async () => {
  const { bridge, told, kept } = await paid();
  for (let times = 0; times < 3; times++) {
    // As it comes from the network each time: other objects of the same words.
    expect(await takePayout(bridge, structuredClone(told))).toBe(true);
    expect(kept()).toBe(told.transaction);
  }
  expect(await takePayout(ours.at(1).services.bridge, structuredClone(told))).toBe(true);
  expect(verified).toHaveBeenCalledTimes(1);
});

test('a payout that was told with a wrong signature is wrong each time, and taken once it is told rightly', async () => {
  const { bridge, told, wrong, kept } = await paid();
  const lie = { ...told, transaction: spoiled(told.transaction) };
  for (let times = 1; times <= 2; times++) {
    expect(await takePayout(bridge, lie)).toBe(true);
    expect([kept(), wrong()]).toEqual([null, times]);
  }
  expect(verified).toHaveBeenCalledTimes(1);
  expect(await takePayout(bridge, told)).toBe(true);
  expect([kept(), wrong()]).toEqual([told.transaction, 2]);
});

test('a payout that was found right lends nothing to the same intent under other bytes, nor to another intent', async () => {
  const { bridge, told, wrong, kept } = await paid();
  const { intent } = told;
  expect(await takePayout(bridge, told)).toBe(true);
  expect(await takePayout(bridge, { ...told, transaction: spoiled(told.transaction) })).toBe(true);
  expect(await takePayout(bridge, { ...told, intent: { ...intent, lock_time: 1 } })).toBe(true);
  const inputs = intent.inputs.map((input) => ({ ...input, amount: '1' }));
  expect(await takePayout(bridge, { ...told, intent: { ...intent, inputs } })).toBe(true);
  expect([kept(), wrong()]).toEqual([told.transaction, 3]);
});

// The group's signatures commit to the transaction, not to the burns and the fee that it is said to have.
test('a payout that the group has signed is not taken for burns that it does not pay, nor for another fee', async () => {
  const { bridge, told, kept, wrong } = await paid();
  const { burnTxid: burn_txid, address, amount, fee } = burn(ours);
  const other = { burn_txid, address, amount: `${amount}`, fee: `${fee}` };
  const [own] = told.intent.burns;
  if (own === undefined) throw new Error('the payout pays a burn');
  const both = [other, own].sort((a, b) => (a.burn_txid < b.burn_txid ? -1 : 1));
  const lies = [{ burns: [other] }, { burns: both }, { fee: `${BigInt(told.intent.fee) + 1n}` }];
  for (const lie of lies) {
    const intent = { ...told.intent, ...lie };
    expect(await takePayout(bridge, { intent, transaction: told.transaction })).toBe(true);
    expect(listPayoutsOfBurn(bridge.db, burn_txid)).toEqual([]);
    expect(kept()).toBeNull();
  }
  expect(wrong()).toBe(lies.length);
  expect(await takePayout(bridge, told)).toBe(true);
  expect(kept()).toBe(told.transaction);
  expect(listPayoutsOfBurn(bridge.db, own.burn_txid)).toHaveLength(1);
});

test('a payout in the chain is not taken for burns that it does not pay, where no transaction is told', async () => {
  const { bridge, told, kept, wrong } = await paid();
  const { burnTxid: burn_txid, address, amount, fee } = burn(ours);
  ours.chain.mine(1);
  const burns = [{ burn_txid, address, amount: `${amount}`, fee: `${fee}` }];
  expect(await takePayout(bridge, { intent: { ...told.intent, burns }, transaction: null })).toBe(true);
  expect([listPayoutsOfBurn(bridge.db, burn_txid), wrong()]).toEqual([[], 1]);
  expect(await takePayout(bridge, { ...told, transaction: null })).toBe(true);
  expect(kept()).toBeNull();
  expect(listPayoutsOfBurn(bridge.db, told.intent.burns[0]?.burn_txid ?? '')).toHaveLength(1);
});

test('a node that is catching up does not take what the group has signed for burns that it does not pay', async () => {
  const { bridge, told } = await paid();
  const { burnTxid: burn_txid, address, amount, fee } = burn(ours);
  const burns = [{ burn_txid, address, amount: `${amount}`, fee: `${fee}` }];
  const lie = await preparePayout(bridge, ours.key(), { ...told, intent: { ...told.intent, burns } }, 0);
  expect(typeof lie === 'object' && lie?.burns).toBeNull();
  const truth = await preparePayout(bridge, ours.key(), told, 0);
  expect(truth).toMatchObject({ burns: [{ burnTxid: told.intent.burns[0]?.burn_txid }], signed: told.transaction });
});

test('a payout that was told without its transaction waits, and is taken with it', async () => {
  const { bridge, told, kept } = await paid();
  expect(await takePayout(bridge, { ...told, transaction: null })).toBe(false);
  expect(kept()).toBeNull();
  expect(verified).not.toHaveBeenCalled();
  expect(await takePayout(bridge, told)).toBe(true);
  expect(kept()).toBe(told.transaction);
});

test('a payout that is right under one group key is wrong under another, whichever was asked first', async () => {
  const [own, other] = [await paid(ours), await paid(theirs)];
  expect(await takePayout(own.bridge, own.told)).toBe(true);
  expect(await takePayout(other.bridge, own.told)).toBe(true);
  expect([own.wrong(), other.wrong()]).toEqual([0, 1]);
  expect(getPayout(other.bridge.db, own.txid)).toBeNull();

  expect(await takePayout(own.bridge, other.told)).toBe(true);
  expect(await takePayout(other.bridge, other.told)).toBe(true);
  expect([own.wrong(), other.wrong()]).toEqual([1, 1]);
  expect([own.kept(), other.kept()]).toEqual([own.told.transaction, other.told.transaction]);
});

test('a flood of other payouts makes the oldest be verified anew, and changes no verdict', async () => {
  const { bridge, told, wrong, kept } = await paid();
  const lie = { ...told, transaction: spoiled(told.transaction) };
  await takePayout(bridge, lie);
  for (let other = 1; other < KEPT_MAX; other++) await takePayout(bridge, { intent: other, transaction: null });
  await takePayout(bridge, lie);
  expect(verified).toHaveBeenCalledTimes(1);
  await takePayout(bridge, { intent: KEPT_MAX, transaction: null });
  await takePayout(bridge, lie);
  expect(verified).toHaveBeenCalledTimes(2);
  expect([kept(), wrong()]).toEqual([null, 3]);
  expect(await takePayout(bridge, told)).toBe(true);
  expect(kept()).toBe(told.transaction);
});

test('a transaction that is no hexadecimal is a fault each time, and leaves nothing behind', async () => {
  const { bridge, told, kept } = await paid();
  for (let times = 0; times < 2; times++) {
    const taken = takePayout(bridge, { ...told, transaction: 'no hexadecimal' });
    expect(await taken.catch((error: unknown) => String(error))).toContain('hexadecimal');
  }
  expect(await takePayout(bridge, told)).toBe(true);
  expect(kept()).toBe(told.transaction);
});
