// `consolidate-fees` and `test-consolidate-fees`: what burns paid beyond the miners' fees, above the reserve, goes to an address
// that the operators' own configurations list.
import type { WaitReason } from '../../chain/line-plan.ts';
import { addressScript } from '../../chain/network.ts';
import { exportPsbt } from '../../chain/psbt.ts';
import { equal } from '../../crypto/bytes.ts';
import { type Bridge, requireLiveKey, signingReport } from '../bridge/bridge.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults, ConsolidationReport } from '../runtime/command-types.ts';
import type { Progress } from '../runtime/progress.ts';
import type { StepOrder } from './line-inputs.ts';
import type { LineSteps, MadeStep } from './line-steps.ts';
import { madeReport } from './withdraw.ts';

/** Pays what the surplus holds above the reserve. Throws `CommandError`. */
export async function consolidateFees(
  bridge: Bridge,
  steps: LineSteps,
  { address, fee_rate }: CommandParams<'consolidate-fees'>,
  progress: Progress,
): Promise<CommandResults['consolidate-fees']> {
  const begun = bridge.effects.now();
  const made = await consolidated(bridge, steps, { address, rate: rateOf(fee_rate) }, progress);
  return { ...consolidation(bridge, address, made), step: madeReport(bridge, made, begun) };
}

/**
 * The same from end to end with a step that can never be mined; what it would leave of the reserve does not matter. With
 * `broadcast`, on regtest only, the real thing. Throws `CommandError`.
 */
export async function testConsolidateFees(
  bridge: Bridge,
  steps: LineSteps,
  { address, broadcast }: CommandParams<'test-consolidate-fees'>,
  progress: Progress,
): Promise<CommandResults['test-consolidate-fees']> {
  const begun = bridge.effects.now();
  const { network, policy } = bridge.config;
  const { feeReserveSats: reserve } = policy;
  if (broadcast && network !== 'regtest') {
    throw new CommandError('not_regtest', `--broadcast pays for real and works on regtest only, not on ${network}`);
  }
  if (broadcast) {
    const made = await consolidated(bridge, steps, { address, rate: null }, progress);
    return report(bridge, begun, address, made);
  }
  const key = requireLiveKey(bridge.keys);
  const script = requireListed(bridge, address);
  const orders = [reserve, 0n].map((kept) => orderOf(script, kept, null));
  const failed = 'nothing can be consolidated now';
  const test = await steps.test(key, { kind: 'consolidate', orders, failed }, progress);
  const isShort = test.built.intent.surplus < reserve;
  const more = isShort ? '; the real one waits until the surplus is above the reserve' : '';
  const detail = `signed by the federation; its test input makes it unminable${more}`;
  return report(bridge, begun, address, { ...test, broadcast: false, detail });
}

async function consolidated(
  bridge: Bridge,
  steps: LineSteps,
  { address, rate }: { readonly address: string; readonly rate: bigint | null },
  progress: Progress,
): Promise<MadeStep> {
  const key = requireLiveKey(bridge.keys);
  const order = orderOf(requireListed(bridge, address), bridge.config.policy.feeReserveSats, rate);
  const outcome = await steps.make(key, order, progress);
  if (outcome.kind === 'waits') throw notMade(outcome.left);
  return outcome;
}

// No burn is named, so that none is asked about.
function orderOf(script: Uint8Array, reserve: bigint, rate: bigint | null): StepOrder {
  return { wish: { kind: 'consolidate', script, reserve, rate }, named: new Set(), now: true };
}

function rateOf(satVb: number | undefined): bigint | null {
  return satVb === undefined ? null : BigInt(Math.round(satVb * 1000));
}

// The other signers hold it against their own configurations; without the own there is nobody to begin.
function requireListed({ config }: Pick<Bridge, 'config'>, address: string): Uint8Array {
  const { network, policy, threshold, parties } = config;
  const named = addressScript(address, network);
  if (!named.ok) throw new CommandError('address_invalid', `${address} is not paid: ${named.detail}`);
  if (policy.consolidateScripts.some((script) => equal(script, named.script))) return named.script;
  const text =
    `the policy of this operator lacks ${address}: add it to policy.consolidate_addresses in the configuration, and ` +
    `restart the server; ${threshold} of ${parties} operators have to list it, each in its own configuration`;
  throw new CommandError('policy', text);
}

function notMade(left: readonly WaitReason[]): CommandError {
  const why = left.find(({ burnTxid }) => burnTxid === null) ?? left[0];
  const told = why === undefined ? 'nothing waits for it' : why.remedy;
  return new CommandError(why?.reason ?? 'no_funds', `nothing is consolidated now: ${told}`);
}

function consolidation(bridge: Bridge, address: string, { built }: Pick<MadeStep, 'built'>): ConsolidationReport {
  const { destination, surplus } = built.intent;
  const reserve = `${bridge.config.policy.feeReserveSats}`;
  return { address, amount: `${destination?.amount ?? 0n}`, surplus: `${surplus}`, reserve };
}

function report(
  bridge: Bridge,
  begun: number,
  address: string,
  made: Pick<MadeStep, 'built' | 'transaction' | 'result' | 'broadcast' | 'detail'>,
): CommandResults['test-consolidate-fees'] {
  const { built, transaction, result, broadcast, detail } = made;
  return {
    ...consolidation(bridge, address, made),
    txid: built.txid,
    transaction,
    psbt: exportPsbt(built, requireLiveKey(bridge.keys).bitcoin.publicKey),
    inputs: built.inputs.length,
    miner_fee: `${built.intent.fee}`,
    broadcast,
    detail,
    signing: signingReport(result, begun, bridge.effects.now()),
  };
}
