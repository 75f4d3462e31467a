// One Bitcoin chain and one Wire ledger behind the views of several nodes. Each node has a fake view of its own, so that
// a test can blind one node; what is broadcast through any of them is verified input by input and shown to all.
import { schnorr } from '@noble/curves/secp256k1.js';
import { SigHash, Transaction } from '@scure/btc-signer';
import type { BroadcastVerdict, TxOut } from '../../chain/bitcoin-view.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { type Attestation, type AttestationJson, encodeAttestation } from '../../crypto/attestation.ts';
import { type FakeBitcoin, fakeBitcoin } from '../chain/fake-bitcoin.ts';
import { type FakeLedger, fakeLedger } from '../chain/fake-ledger.ts';

export interface SharedChain {
  readonly views: readonly FakeBitcoin[];
  readonly ledgers: readonly FakeLedger[];
  /** Transactions that were taken, in order. */
  readonly taken: Transaction[];
  readonly minted: Map<string, AttestationJson>;
  /** Puts an unspent output before all nodes. */
  fund(outpoint: Outpoint, output: Omit<TxOut, 'coinbase'>): void;
  burn(burn: WireBurn): void;
  /** Mines what is in the mempool and this many blocks in all. */
  mine(blocks: number): void;
}

/** The chain of a federation; `height` 100 at first. */
export function sharedChain(parties: number): SharedChain {
  const views = Array.from({ length: parties }, () => fakeBitcoin('regtest'));
  const ledgers = Array.from({ length: parties }, () => fakeLedger('regtest'));
  const minted = new Map<string, AttestationJson>();
  const taken: Transaction[] = [];
  let height = 100;
  for (const view of views) {
    view.tip = async () => ({ height, hash: '0'.repeat(64) });
    view.broadcast = async (bytes) => take(view, views, taken, bytes);
  }
  for (const ledger of ledgers) {
    ledger.mint = async (txid, vout) => minted.get(`${txid}:${vout}`) ?? null;
    ledger.postMint = async (attestation: Attestation) => {
      const name = `${attestation.depositTxid}:${attestation.depositVout}`;
      const already = minted.has(name);
      if (!already) minted.set(name, encodeAttestation(attestation));
      return { ok: true, already };
    };
  }
  return {
    ...{ views, ledgers, taken, minted },
    fund(outpoint, output) {
      for (const view of views) view.add(outpoint, { ...output, coinbase: false });
    },
    burn(burn) {
      for (const ledger of ledgers) ledger.known.push(burn);
    },
    mine(blocks) {
      height += blocks;
      for (const view of views) mineView(view, taken, blocks);
    },
  };
}

function take(
  view: FakeBitcoin,
  views: readonly FakeBitcoin[],
  taken: Transaction[],
  bytes: Uint8Array,
): BroadcastVerdict {
  const transaction = Transaction.fromRaw(bytes, { allowUnknownOutputs: true });
  const txid = transaction.id;
  if (view.transactions.has(txid)) return { ok: true, txid };
  const inputs = Array.from({ length: transaction.inputsLength }, (_, index) => {
    const input = transaction.getInput(index);
    const name = `${Buffer.from(input.txid ?? new Uint8Array(0)).toString('hex')}:${input.index}`;
    return { name, output: view.withMempool.get(name) ?? null, witness: input.finalScriptWitness ?? [] };
  });
  const missing = inputs.find(({ output }) => output === null);
  if (missing !== undefined) return { ok: false, reason: 'rejected', detail: 'bad-txns-inputs-missingorspent' };
  const scripts = inputs.map(({ output }) => output?.script ?? new Uint8Array(0));
  const amounts = inputs.map(({ output }) => output?.amount ?? 0n);
  const verified = inputs.every(({ output, witness }, index) => {
    const message = transaction.preimageWitnessV1(index, scripts, SigHash.DEFAULT, amounts);
    const [signature = new Uint8Array(64)] = witness;
    return output !== null && schnorr.verify(signature, message, output.script.slice(2));
  });
  if (!verified) return { ok: false, reason: 'rejected', detail: 'mandatory-script-verify-flag-failed' };
  taken.push(transaction);
  for (const other of views) {
    for (const { name } of inputs) other.withMempool.delete(name);
    for (let vout = 0; vout < transaction.outputsLength; vout++) {
      const { amount = 0n, script = new Uint8Array(0) } = transaction.getOutput(vout);
      other.add({ txid, vout }, { amount, script, confirmations: 0, coinbase: false });
    }
  }
  return { ok: true, txid };
}

function mineView(view: FakeBitcoin, taken: readonly Transaction[], blocks: number): void {
  for (const [name, output] of [...view.withMempool]) {
    const older = { ...output, confirmations: output.confirmations + blocks };
    view.withMempool.set(name, older);
    view.confirmed.set(name, older);
  }
  for (const transaction of taken) {
    for (let index = 0; index < transaction.inputsLength; index++) {
      const { txid = new Uint8Array(0), index: vout = 0 } = transaction.getInput(index);
      view.confirmed.delete(outpointName({ txid: Buffer.from(txid).toString('hex'), vout }));
    }
  }
  for (const [txid, status] of [...view.transactions]) {
    const confirmations = (status.state === 'confirmed' ? status.confirmations : 0) + blocks;
    const outputs = 'outputs' in status ? status.outputs : null;
    view.transactions.set(txid, { state: 'confirmed', confirmations, outputs });
  }
}
