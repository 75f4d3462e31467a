// One Bitcoin chain and one Wire ledger behind the views of several nodes. Each node has a fake view of its own, so that
// a test can blind one node; what is broadcast through any of them is verified input by input and shown to all.
import { schnorr } from '@noble/curves/secp256k1.js';
import { SigHash, Transaction } from '@scure/btc-signer';
import type { BroadcastVerdict, TxOut } from '../../chain/bitcoin-view.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import type { WireBurn, WireMint } from '../../chain/wire-ledger.ts';
import { type Attestation, encodeAttestation } from '../../crypto/attestation.ts';
import { type FakeBitcoin, fakeBitcoin } from '../chain/fake-bitcoin.ts';
import { type FakeLedger, fakeLedger } from '../chain/fake-ledger.ts';

export interface SharedChain {
  readonly views: readonly FakeBitcoin[];
  readonly ledgers: readonly FakeLedger[];
  /** Transactions that were taken, in order. */
  readonly taken: Transaction[];
  /** What is minted; a mint has the confirmations of `mintConfirmations` at once, and a test may take it back. */
  readonly minted: Map<string, WireMint>;
  mintConfirmations: number;
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
  const minted = new Map<string, WireMint>();
  const taken: Transaction[] = [];
  const fees = new Map<string, bigint>();
  let height = 100;
  for (const view of views) {
    view.tip = async () => ({ height, hash: '0'.repeat(64) });
    view.broadcast = async (bytes) => take(view, views, { taken, fees }, bytes);
    view.testPolicy = async (bytes) => ({
      ok: true,
      txid: Transaction.fromRaw(bytes, { allowUnknownOutputs: true }).id,
    });
    view.mempoolSpends = async (outpoints) => outpoints.map((outpoint) => spenderOf(view, taken, outpoint)?.id ?? null);
    view.mempoolEntry = async (txid) => {
      const waiting = taken.find(({ id }) => id === txid);
      if (waiting === undefined || view.transactions.get(txid)?.state !== 'mempool') return null;
      const load = { count: 1, vsize: waiting.vsize, fees: fees.get(txid) ?? 0n };
      return { vsize: load.vsize, height, fee: load.fees, ancestors: load, descendants: load };
    };
    view.rawTransaction = async (txid) => taken.find(({ id }) => id === txid)?.toBytes(true, true) ?? null;
  }
  for (const ledger of ledgers) {
    ledger.mint = async (txid, vout) => minted.get(`${txid}:${vout}`) ?? null;
    ledger.postMint = async (attestation: Attestation) => {
      const name = `${attestation.depositTxid}:${attestation.depositVout}`;
      const already = minted.has(name);
      const mint = { attestation: encodeAttestation(attestation), height: 9, confirmations: chain.mintConfirmations };
      if (!already) minted.set(name, mint);
      return { ok: true, already };
    };
  }
  const chain: SharedChain = {
    ...{ views, ledgers, taken, minted, mintConfirmations: 6 },
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
  return chain;
}

function take(
  view: FakeBitcoin,
  views: readonly FakeBitcoin[],
  { taken, fees }: { readonly taken: Transaction[]; readonly fees: Map<string, bigint> },
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
  const paid = Array.from({ length: transaction.outputsLength }, (_, vout) => transaction.getOutput(vout).amount ?? 0n);
  const sum = (all: readonly bigint[]) => all.reduce((total, one) => total + one, 0n);
  fees.set(txid, sum(amounts) - sum(paid));
  for (const other of views) {
    for (const { name } of inputs) other.withMempool.delete(name);
    for (let vout = 0; vout < transaction.outputsLength; vout++) {
      const { amount = 0n, script = new Uint8Array(0) } = transaction.getOutput(vout);
      other.add({ txid, vout }, { amount, script, confirmations: 0, coinbase: false });
    }
  }
  return { ok: true, txid };
}

function spenderOf(
  view: FakeBitcoin,
  taken: readonly Transaction[],
  { txid, vout }: Outpoint,
): Transaction | undefined {
  return taken.find((transaction) => {
    if (view.transactions.get(transaction.id)?.state !== 'mempool') return false;
    const inputs = Array.from({ length: transaction.inputsLength }, (_, index) => transaction.getInput(index));
    return inputs.some((input) => input.index === vout && Buffer.from(input.txid ?? '').toString('hex') === txid);
  });
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
