// A regtest node for a test file: started before its first test, ended after its last.
import { type Regtest, type RegtestOptions, startRegtest } from '../../devnet/bitcoind.ts';

/** How long a test file may wait for a node the first time, when bitcoind has to be installed, in milliseconds. */
export const REGTEST_START_TIMEOUT_MS = 180_000;

/** Starts a node, funds a wallet named `miner` with one mature coinbase. */
export async function startFundedRegtest(options: RegtestOptions = {}) {
  const node: Regtest = await startRegtest(options);
  const wallet = await node.createWallet('miner');
  await wallet.fund();
  return { node, wallet };
}
