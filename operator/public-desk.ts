// What the public may ask of this node. Everything is read from the database, or from what was made ready before: no answer
// waits for a Bitcoin or Wire node, nor for a peer.
import { encodeAttestation } from '../crypto/attestation.ts';
import { fromHex, toHex } from '../crypto/bytes.ts';
import type { SignedFeeQuote } from '../crypto/fee-quote.ts';
import { taprootAddress } from '../crypto/taproot.ts';
import { paymentOf } from '../store/burn-payments.ts';
import { getBurn } from '../store/burns.ts';
import type { Outpoint } from '../store/database.ts';
import { getDeposit } from '../store/deposits.ts';
import { findRecipient } from '../store/recipients.ts';
import { serviceSwitch } from '../store/service.ts';
import { scannedHeight } from './chain-state/scan.ts';
import { depositAddress } from './deposit-address.ts';
import { keptAttestation } from './deposits/kept-attestations.ts';
import type { FederationKey } from './keys/keys.ts';
import type { Node } from './node.ts';
import { serviceReport } from './service-report.ts';

/** A recipient's deposit address. */
export interface PublicAddress {
  readonly recipient: string;
  readonly address: string;
}

/** Where a deposit stands. `confirmations` as this node has read the chain; `attestation` in its JSON form. */
export interface PublicDeposit {
  readonly txid: string;
  readonly vout: number;
  readonly recipient: string;
  readonly amount: string;
  readonly status: string;
  readonly confirmations: number;
  readonly confirmations_needed: number;
  readonly attestation: Readonly<Record<string, string | number>> | null;
}

/** Where a burn stands; `txid` and `height` of the transaction that pays it. */
export interface PublicWithdrawal {
  readonly burn_txid: string;
  readonly address: string;
  readonly amount: string;
  readonly fee: string;
  readonly status: 'waiting' | 'signed' | 'mined' | 'settled';
  readonly txid: string | null;
  readonly height: number | null;
}

/** The federation as this node knows it. Amounts in sats. */
export interface PublicFederation {
  readonly network: string;
  readonly index: number;
  readonly name: string;
  readonly threshold: number;
  readonly participants: number;
  readonly open: boolean;
  readonly key_id: string;
  readonly bitcoin_public_key: string;
  readonly attestation_public_key: string;
  readonly deposit_min: string;
  readonly confirmations: number;
  readonly wire_confirmations: number;
  readonly height: number | null;
  readonly operators: readonly { readonly index: number; readonly name: string; readonly service: string | null }[];
}

/** Answers the public. */
export class PublicDesk {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Whether this node serves the public now. */
  isOpen(): boolean {
    return serviceSwitch(this.#node.store.db).state === 'enabled' && this.#node.keys.live() !== null;
  }

  /** Whether a recipient is registered already: another registration costs nothing. */
  address(recipient: string): PublicAddress | null {
    const { store, config } = this.#node;
    const known = findRecipient(store.db, recipient, this.#key().keyId);
    return known === null ? null : { recipient, address: taprootAddress(fromHex(known.script), config.network) };
  }

  /** Registers a recipient with this node, which tells its peers. */
  register(recipient: string): PublicAddress {
    const { address } = depositAddress(this.#node, { recipient });
    return { recipient, address };
  }

  /** Where a deposit stands; null where this node has not seen it. */
  deposit(outpoint: Outpoint): PublicDeposit | null {
    const { store } = this.#node;
    const found = getDeposit(store.db, outpoint);
    if (found === null) return null;
    const { txid, vout, recipient, amount, status, height } = found;
    const scanned = scannedHeight(store.db);
    const attestation = keptAttestation(store.db, outpoint);
    return {
      ...{ txid, vout, recipient, amount: `${amount}`, status },
      confirmations: height === null || scanned === null ? 0 : Math.max(0, scanned - height + 1),
      confirmations_needed: this.#confirmations(),
      attestation: attestation === null ? null : { ...encodeAttestation(attestation) },
    };
  }

  /** Where a burn stands; null where this node's Wire nodes have not shown it. */
  withdrawal(burnTxid: string): PublicWithdrawal | null {
    const { store, config } = this.#node;
    const burn = getBurn(store.db, burnTxid);
    if (burn === null) return null;
    const settledHeight = (scannedHeight(store.db) ?? 0) - config.normalConfirmations + 1;
    const standing = paymentOf(store.db, burnTxid, settledHeight);
    const isWaiting = standing.state === 'waiting';
    return {
      ...{ burn_txid: burnTxid, address: burn.address, amount: `${burn.amount}`, fee: `${burn.fee}` },
      status: standing.state,
      txid: isWaiting ? null : standing.txid,
      height: isWaiting ? null : standing.height,
    };
  }

  /** The fee quote at the newest block; null where there is none yet, as while the node is sealed. */
  feeQuote(): SignedFeeQuote | null {
    return this.#node.online?.quotes.current ?? null;
  }

  /** The federation. */
  federation(): PublicFederation {
    const { config, store } = this.#node;
    const { keyId, bitcoin, attestation } = this.#key();
    const { open, state, peers, threshold, participants } = serviceReport(this.#node);
    const own = { index: config.myIndex, name: config.name, service: state };
    const others = peers.map(({ index, name, state: service }) => ({ index, name, service }));
    return {
      ...{ network: config.network, index: config.myIndex, name: config.name, threshold, participants },
      open: open ?? false,
      key_id: keyId,
      bitcoin_public_key: toHex(bitcoin.publicKey),
      attestation_public_key: toHex(attestation.publicKey),
      deposit_min: `${config.policy.depositMinSats}`,
      confirmations: this.#confirmations(),
      wire_confirmations: config.wireConfirmations,
      height: scannedHeight(store.db),
      operators: [own, ...others].sort((a, b) => a.index - b.index),
    };
  }

  // While the chain looks forked a deposit needs more: who is told less waits in vain.
  #confirmations(): number {
    const { chain, config } = this.#node;
    return chain?.confirmations() ?? config.normalConfirmations;
  }

  #key(): FederationKey {
    const key = this.#node.keys.live();
    if (key === null) throw new Error('a node that serves the public has a key');
    return key;
  }
}
