// What a federation does, step by step, each through the program's own commands, each checked from outside: by the
// ledger's balances, the Bitcoin node's wallet, and by asking every operator.
import { join } from 'node:path';
import { z } from 'zod';
import { btcAmount } from '../chain/amount.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { fromHex } from '../crypto/bytes.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { noProgress, type Progress } from '../operator/runtime/progress.ts';
import { CONFIRMATIONS, DEEP_CONFIRMATIONS, type Federation } from './federation.ts';
import type { LedgerBurn } from './ledger.ts';
import type { DevnetOperator } from './operator.ts';
import { until } from './until.ts';

const DKG_WAIT_S = 300;
const SPREAD_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 30_000;
const TREASURY_SATS = 100_000n;
const PAGE = { limit: 100, offset: 0 } as const;

/** A deposit on Bitcoin; `amount` in sats, `recipient` 64 hexadecimal characters. */
export interface Deposit extends Outpoint {
  readonly recipient: string;
  readonly address: string;
  readonly amount: bigint;
}

/** A recipient on the ledger that nobody used before. */
export function newRecipient(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** Exports every operator's card to a file and adds each to all the others, then sees that no card is missing. */
export async function exchangeCards(federation: Federation): Promise<void> {
  const { operators } = federation;
  const fileOf = ({ folder }: DevnetOperator) => join(folder, 'card.json');
  await Promise.all(operators.map((one) => one.mustRun(['peer', 'export', '--output', fileOf(one)])));
  const others = (me: DevnetOperator) => operators.filter((one) => one !== me).map(fileOf);
  await Promise.all(operators.map((one) => one.mustRun(['peer', 'add', ...others(one)])));
  for (const one of operators) {
    const { missing } = await one.control('peer-list', {});
    if (missing.length > 0) throw new Error(`operator ${one.index} lacks the cards of ${missing.join(', ')}`);
  }
}

/** Runs the key ceremony at every operator and gives the ledger the attestation key. Progress is operator 0's. */
export async function runDkg(
  federation: Federation,
  ceremonyId: string,
  onProgress: Progress = noProgress,
): Promise<CommandResults['dkg']> {
  const params = { ceremony_id: ceremonyId, rehearsal: false, wait_s: DKG_WAIT_S };
  const results = await Promise.all(
    federation.operators.map((one) => one.control('dkg', params, one.index === 0 ? onProgress : noProgress)),
  );
  const [first] = results;
  if (first === undefined) throw new Error('a federation has operators');
  const sameAsFirst = ({ transcript_hash, bitcoin_public_key, attestation_public_key }: CommandResults['dkg']) =>
    transcript_hash === first.transcript_hash &&
    bitcoin_public_key === first.bitcoin_public_key &&
    attestation_public_key === first.attestation_public_key;
  if (!results.every(sameAsFirst)) throw new Error('the operators do not agree on the keys they made');
  federation.ledger.setAttestationKey(fromHex(first.attestation_public_key));
  return first;
}

/** Pays the treasury `sats` from the wallet, and has operator 0 open it; then every operator has the certificate. */
export async function openTreasury(
  federation: Federation,
  onProgress: Progress = noProgress,
  sats = TREASURY_SATS,
): Promise<Outpoint> {
  const { address, confirmations_needed: needed } = await federation.operator(0).control('treasury', {});
  const root = await federation.wallet.send(address, sats);
  await federation.bitcoin.mine(needed);
  const isDeep = async (one: DevnetOperator) => (await one.control('treasury', {})).confirmations >= needed;
  await untilAll(federation, 'every operator sees the payment to the treasury', isDeep, SPREAD_TIMEOUT_MS);
  await federation.operator(0).control('treasury-open', { wait_s: DKG_WAIT_S }, onProgress);
  const isOpen = async (one: DevnetOperator) => (await one.control('treasury', {})).state === 'open';
  await untilAll(federation, 'the treasury is open at every operator', isOpen, SPREAD_TIMEOUT_MS);
  return root;
}

/** Has every operator enable the service, and waits until every one of them knows that the federation is open. */
export async function enableService(federation: Federation): Promise<void> {
  await Promise.all(federation.operators.map((one) => one.mustRun(['enable-service', '--yes'])));
  const isOpen = async (one: DevnetOperator) => {
    const { open, enabled, participants } = await one.control('service-status', {});
    return open === true && enabled === participants;
  };
  await untilAll(federation, 'every operator knows that all are enabled', isOpen, SPREAD_TIMEOUT_MS);
}

/** The deposit address of a recipient, on which all running operators must agree. */
export async function depositAddress(federation: Federation, recipient: string): Promise<string> {
  const answers = await Promise.all(running(federation).map((one) => one.control('deposit-address', { recipient })));
  const addresses = new Set(answers.map(({ address }) => address));
  const [address] = addresses;
  if (address === undefined || addresses.size > 1) throw new Error('the operators derive different deposit addresses');
  return address;
}

/**
 * Pays a recipient's deposit address from the wallet, mines until it can be swept as well, and waits until `readers` have
 * read it. `amount` in sats.
 */
export async function deposit(
  federation: Federation,
  recipient: string,
  amount: bigint,
  readers = federation.operators,
): Promise<Deposit> {
  const address = await depositAddress(federation, recipient);
  const outpoint = await federation.wallet.send(address, amount);
  await federation.bitcoin.mine(DEEP_CONFIRMATIONS);
  await untilRead(federation, readers);
  return { ...outpoint, recipient, address, amount };
}

/** Waits until every running operator, or those of them that are named, has read the chain to its end. */
export async function untilRead(federation: Federation, readers = federation.operators): Promise<void> {
  const height = await federation.bitcoin.rpc.call('getblockcount', [], z.int());
  const hasRead = async (one: DevnetOperator) =>
    !readers.includes(one) || ((await one.control('status', {})).scan?.height ?? 0) >= height;
  await untilAll(federation, `every operator has read the chain up to block ${height}`, hasRead, SPREAD_TIMEOUT_MS);
}

/** Has operator `at` collect the attestation of a deposit, which hands it in on the ledger. */
export function attest(
  federation: Federation,
  claim: Deposit,
  at: number,
  onProgress: Progress = noProgress,
): Promise<CommandResults['attest']> {
  const { txid, vout, recipient, amount } = claim;
  const params = { txid, vout, recipient, amount: `${amount}`, test: false };
  return federation.operator(at).control('attest', params, onProgress);
}

/** Waits until the ledger has minted for a recipient, and gives the balance in sats. */
export async function untilMinted(federation: Federation, { recipient, amount }: Deposit): Promise<bigint> {
  const { ledger, signal } = federation;
  const minted = async () => ledger.balance(recipient) >= amount;
  await until(() => `${amount} sats are minted`, minted, { timeoutMs: SPREAD_TIMEOUT_MS, signal });
  return ledger.balance(recipient);
}

/** Waits until every running operator counts a deposit among the federation's coins. */
export async function untilDepositKnown(federation: Federation, outpoint: Outpoint): Promise<void> {
  const known = async (one: DevnetOperator) =>
    (await one.control('deposits', PAGE)).deposits.some(
      ({ txid, vout, attested_at }) => txid === outpoint.txid && vout === outpoint.vout && attested_at !== null,
    );
  await untilAll(
    federation,
    `every operator knows the attestation of ${outpointName(outpoint)}`,
    known,
    SPREAD_TIMEOUT_MS,
  );
}

/** Burns a recipient's balance on the ledger, to be paid to `address` or else a new one of the wallet; amounts in sats. */
export async function burn(
  federation: Federation,
  request: { readonly recipient: string; readonly amount: bigint; readonly fee: bigint; readonly address?: string },
): Promise<LedgerBurn> {
  const { recipient, amount, fee } = request;
  const btcAddress = request.address ?? (await federation.wallet.newAddress());
  return federation.ledger.burn({ recipient, btcAddress, amount, fee });
}

/** Has operator `at` pay burns out; none named means all that wait. */
export function withdraw(
  federation: Federation,
  burnTxids: readonly string[],
  at: number,
  onProgress: Progress = noProgress,
): Promise<CommandResults['withdraw']> {
  return federation.operator(at).control('withdraw', { burn_txids: [...burnTxids] }, onProgress);
}

/** Mines until a payout has the confirmations that count, and waits until every running operator calls it settled. */
export async function untilSettled(federation: Federation, txid: string): Promise<void> {
  await federation.bitcoin.mine(CONFIRMATIONS);
  const settled = async (one: DevnetOperator) =>
    (await one.control('withdrawals', PAGE)).withdrawals.some((row) => row.txid === txid && row.status === 'settled');
  await untilAll(federation, `every operator calls the payout ${txid} settled`, settled, SETTLE_TIMEOUT_MS);
}

/** What an address of the wallet got in transactions that count, in sats. */
export function received(federation: Federation, address: string): Promise<bigint> {
  const { rpc } = federation.bitcoin;
  const params = [address, CONFIRMATIONS];
  return rpc.call('getreceivedbyaddress', params, btcAmount, { wallet: federation.wallet.name });
}

/** Has every operator attest deposits and pay burns by itself from now on: its server starts again. */
export async function goAutomatic({ operators }: Federation): Promise<void> {
  await Promise.all(
    operators.map(async (one) => {
      await one.configure({ automatic: true });
      await one.stop();
      await one.start();
    }),
  );
}

async function untilAll(
  federation: Federation,
  what: string,
  isTrue: (operator: DevnetOperator) => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  let late: readonly number[] = [];
  const all = async () => {
    const operators = running(federation);
    const answers = await Promise.all(operators.map(isTrue));
    late = operators.filter((_, i) => answers[i] !== true).map(({ index }) => index);
    return late.length === 0;
  };
  await until(() => `${what} (not yet: operator ${late.join(', ')})`, all, { timeoutMs, signal: federation.signal });
}

function running({ operators }: Federation): readonly DevnetOperator[] {
  return operators.filter(({ isRunning }) => isRunning);
}
