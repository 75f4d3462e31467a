// A Bitcoin view held in memory, for tests of what is validated on it.
import type { BitcoinView, TransactionStatus, TxOut } from '../../chain/bitcoin-view.ts';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import type { BitcoinNetwork } from '../../chain/network.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';

export interface FakeBitcoin extends BitcoinView {
  /** Unspent among confirmed outputs, and as if the mempool were mined. */
  readonly confirmed: Map<string, TxOut>;
  readonly withMempool: Map<string, TxOut>;
  readonly transactions: Map<string, TransactionStatus>;
  /** Adds an unspent output; 0 confirmations put it into the mempool alone. */
  add(outpoint: Outpoint, output: TxOut): void;
  unavailable: boolean;
}

export function fakeBitcoin(network: BitcoinNetwork = 'regtest'): FakeBitcoin {
  const confirmed = new Map<string, TxOut>();
  const withMempool = new Map<string, TxOut>();
  const transactions = new Map<string, TransactionStatus>();
  const fake: FakeBitcoin = {
    network,
    confirmed,
    withMempool,
    transactions,
    unavailable: false,
    add(outpoint, output) {
      if (output.confirmations > 0) confirmed.set(outpointName(outpoint), output);
      withMempool.set(outpointName(outpoint), output);
      const { confirmations } = output;
      const outputs = outpoint.vout + 1;
      transactions.set(
        outpoint.txid,
        confirmations > 0 ? { state: 'confirmed', confirmations, outputs } : { state: 'mempool', outputs },
      );
    },
    async txOuts(outpoints, source) {
      if (fake.unavailable) throw new BitcoinViewError('bitcoin_unavailable', 'no node answers');
      const map = source === 'confirmed' ? confirmed : withMempool;
      return outpoints.map((outpoint) => map.get(outpointName(outpoint)) ?? null);
    },
    async transaction(txid) {
      return transactions.get(txid) ?? { state: 'unknown' };
    },
    tip: async () => ({ height: 100, hash: '0'.repeat(64) }),
    agreedTip: async () => ({ height: 100, hash: '0'.repeat(64), fork: null }),
    blockHash: async () => '0'.repeat(64),
    blockHashes: async (heights) => heights.map(() => '0'.repeat(64)),
    block: async (hash) => {
      throw new BitcoinViewError('bitcoin_unavailable', `a fake has no block ${hash}`);
    },
    rawTransaction: async () => null,
    mempoolSpends: async (outpoints) => outpoints.map(() => null),
    mempoolEntry: async () => null,
    testAccept: async () => ({ ok: false, reason: 'rejected', detail: 'a fake accepts nothing' }),
    testPolicy: async () => ({ ok: false, reason: 'rejected', detail: 'a fake accepts nothing' }),
    relayFloor: async () => ({ feeRateMin: 1_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n }),
    broadcast: async () => ({ ok: false, reason: 'rejected', detail: 'a fake accepts nothing' }),
    feeRate: async () => 1000n,
  };
  return fake;
}
