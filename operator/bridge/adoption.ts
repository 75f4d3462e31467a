// What others did while this node was away, learnt from the chain and the own Wire nodes alone: burns that transactions
// pay which this node never signed, deposits that were minted, and payouts of its own that can never be mined any more.

import { burnOutput } from '../../chain/burn.ts';
import { parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { decideAttestations, recordAttestationSignature } from '../../store/attestations.ts';
import type { Burn } from '../../store/burns.ts';
import { PAGE_ROWS_MAX, transact } from '../../store/database.ts';
import { type Deposit, setDepositStatus } from '../../store/deposits.ts';
import { foreignPaymentOf, listUnrecognised, recogniseForeignPayment } from '../../store/foreign-payments.ts';
import { listUnpaidBurns } from '../../store/open-burns.ts';
import { listPayouts, listPayoutsOfBurn, type Payout } from '../../store/payout-listing.ts';
import { recordPayoutReplaced } from '../../store/payout-progress.ts';
import { getUtxo } from '../../store/utxos.ts';
import { claimOf } from '../judge/judge-attestation.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';

/**
 * Recognises which burns unknown transactions pay, by script and amount. Of several burns with the same of both the first
 * by id is taken: until the others are paid too, peers refuse what this node mistakes.
 */
export function recognisePayments(bridge: Pick<Bridge, 'db' | 'config' | 'log' | 'effects'>): void {
  const { db, config, log, effects } = bridge;
  if (listUnrecognised(db, { limit: 1 }).total === 0) return;
  const burnsOf = new Map<string, Burn[]>();
  for (const burn of everyUnpaidBurn(bridge)) {
    const payable = burnOutput({ network: config.network }, burn);
    if (!payable.ok) continue;
    const name = `${toHex(payable.output.script)}/${payable.output.amount}`;
    burnsOf.set(name, [...(burnsOf.get(name) ?? []), burn]);
  }
  for (const same of burnsOf.values()) same.sort((a, b) => (a.burnTxid < b.burnTxid ? -1 : 1));
  let offset = 0;
  for (;;) {
    const { rows } = listUnrecognised(db, { limit: PAGE_ROWS_MAX, offset });
    for (const payment of rows) {
      const burn = burnsOf.get(`${payment.script}/${payment.amount}`)?.shift();
      if (burn === undefined || !recogniseForeignPayment(db, payment, burn.burnTxid, effects.now())) offset += 1;
      else log('info', 'burn_paid_by_others', { burn_txid: burn.burnTxid, txid: payment.txid });
    }
    if (rows.length < PAGE_ROWS_MAX) return;
  }
}

function everyUnpaidBurn({ db }: Pick<Bridge, 'db'>): readonly Burn[] {
  const burns: Burn[] = [];
  for (;;) {
    const { rows } = listUnpaidBurns(db, { limit: PAGE_ROWS_MAX, offset: burns.length });
    burns.push(...rows);
    if (rows.length < PAGE_ROWS_MAX) return burns;
  }
}

/**
 * Calls payouts replaced that can never be mined: another transaction spends an input of theirs, or others have paid all
 * their burns, so deep in the chain that it counts. `height`: that of the deepest block which counts so far.
 */
export function retireRivals({ db, log, effects }: Pick<Bridge, 'db' | 'log' | 'effects'>, height: number): void {
  for (let offset = 0; ; ) {
    const { rows } = listPayouts(db, ['decided', 'signed', 'broadcast'], { limit: PAGE_ROWS_MAX, offset });
    for (const payout of rows) {
      const by = spentBy(db, payout, height) ?? paidBy(db, payout, height);
      if (by === null || !recordPayoutReplaced(db, payout.txid, by, effects.now()).ok) offset += 1;
      else log('info', 'payout_given_up', { txid: payout.txid, by });
    }
    if (rows.length < PAGE_ROWS_MAX) return;
  }
}

function spentBy(db: Bridge['db'], payout: Payout, height: number): string | null {
  for (const input of payout.inputs) {
    const utxo = getUtxo(db, input);
    if (utxo === null || utxo.spentBy === null || utxo.spentBy === payout.txid) continue;
    if (utxo.spentHeight !== null && utxo.spentHeight <= height) return utxo.spentBy;
  }
  return null;
}

// Only what the federation has not signed: a signed rival that spends other coins would be a burn paid twice, and must show.
function paidBy(db: Bridge['db'], payout: Payout, height: number): string | null {
  if (payout.status !== 'decided') return null;
  const payments = payout.burns.map(({ burnTxid }) => {
    const [settled] = listPayoutsOfBurn(db, burnTxid, ['settled']);
    if (settled !== undefined) return settled.txid;
    const foreign = foreignPaymentOf(db, burnTxid);
    return foreign !== null && foreign.height !== null && foreign.height <= height ? foreign.txid : null;
  });
  return payments.every((by) => by !== null && by !== payout.txid) ? (payments[0] ?? null) : null;
}

/**
 * Asks the own Wire nodes whether a deposit is minted, and keeps it as such. True where it is. Throws `WireLedgerError`
 * where they cannot tell.
 */
export async function adoptMint(bridge: Bridge, key: FederationKey, deposit: Deposit): Promise<boolean> {
  const { db, wire, log, effects } = bridge;
  const { txid, vout, recipient, amount } = deposit;
  const parsed = wire === null ? null : await wire.mint(txid, vout);
  if (parsed === null) return false;
  const read = parseAttestation(parsed);
  const isOurs = read.ok && verifyAttestation('mint', read.attestation, key.attestation.publicKey);
  const isThis =
    read.ok &&
    read.attestation.depositTxid === txid &&
    read.attestation.depositVout === vout &&
    read.attestation.amountSats === amount &&
    toHex(read.attestation.recipient) === toHex(fromHex(recipient));
  if (!isOurs || !isThis) {
    log('error', 'minted_otherwise', { txid, vout });
    return false;
  }
  const { expiry, signature } = read.attestation;
  const claim = claimOf({ txid, vout, recipient, amount: `${amount}`, expiry: `${expiry}` });
  return transact(db, (tx): boolean => {
    const now = effects.now();
    const [decision] = decideAttestations(tx, [claim], now);
    if (decision?.ok !== true) {
      log('error', 'minted_otherwise', { txid, vout });
      return false;
    }
    recordAttestationSignature(tx, claim, toHex(signature), now);
    setDepositStatus(tx, deposit, 'minted', now);
    return true;
  });
}
