// `test-burn`: runs a burn through the whole workflow with a step that can never be mined, as one more input spends an outpoint
// that cannot exist. With `broadcast`, on regtest only, pays it for real.
import { exportPsbt } from '../../chain/psbt.ts';
import { type Bridge, requireLiveKey, signingReport } from '../bridge/bridge.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults } from '../runtime/command-types.ts';
import type { Progress } from '../runtime/progress.ts';
import type { LineSteps } from './line-steps.ts';
import { readBurns } from './read-burns.ts';
import { nothingMade, requirePayable, requireUnpaid } from './withdraw.ts';

/** Throws `CommandError` where the burn is not as the own Wire nodes tell it, is paid already, or is not signed. */
export async function testBurn(
  bridge: Bridge,
  steps: LineSteps,
  params: CommandParams<'test-burn'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<CommandResults['test-burn']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  if (params.broadcast && bridge.config.network !== 'regtest') {
    throw new CommandError(
      'not_regtest',
      `--broadcast pays for real and works on regtest only, not on ${bridge.config.network}`,
    );
  }
  await requireBurn(bridge, params);
  if (bridge.wire !== null) await readBurns(bridge, bridge.wire, signal);
  requireUnpaid(bridge, [params.txid]);
  if (bridge.wire !== null) await requirePayable(bridge, bridge.wire, [params.txid]);
  const order = { wish: { kind: 'auto' as const }, named: new Set([params.txid]), now: true };
  if (params.broadcast) {
    const made = await steps.make(key, order, progress);
    if (made.kind === 'waits') throw nothingMade(bridge, key, made.left, `burn ${params.txid} cannot be paid now`);
    const { built, transaction, result, broadcast, detail } = made;
    return report(bridge, begun, { built, transaction, result, broadcast, detail }, key.bitcoin.publicKey);
  }
  const failed = `no step can pay burn ${params.txid} now`;
  const test = await steps.test(key, { kind: 'payout', orders: [order], failed }, progress);
  const detail = 'signed by the federation; its test input makes it unminable';
  return report(bridge, begun, { ...test, broadcast: false, detail }, key.bitcoin.publicKey);
}

function report(
  bridge: Bridge,
  begun: number,
  made: Awaited<ReturnType<LineSteps['test']>> & { readonly broadcast: boolean; readonly detail: string },
  groupKey: Uint8Array,
): CommandResults['test-burn'] {
  const { built, transaction, result, broadcast, detail } = made;
  return {
    txid: built.txid,
    transaction,
    psbt: exportPsbt(built, groupKey),
    inputs: built.inputs.length,
    miner_fee: `${built.intent.fee}`,
    broadcast,
    detail,
    signing: signingReport(result, begun, bridge.effects.now()),
  };
}

async function requireBurn(
  { wire }: Bridge,
  { txid, address, amount, fee }: CommandParams<'test-burn'>,
): Promise<void> {
  if (wire === null) throw new CommandError('wire_unavailable', 'no wire_nodes are configured, so no burn is known');
  const burn = await wire.burn(txid);
  if (burn === null) throw new CommandError('burn_unknown', `our Wire nodes know no burn ${txid}`);
  const differs = [
    ['address', burn.address, address],
    ['amount', `${burn.amount}`, amount],
    ['fee', `${burn.fee}`, fee],
  ].find(([, known, given]) => known !== given);
  if (differs === undefined) return;
  const [what, known, given] = differs;
  throw new CommandError('burn_mismatch', `burn ${txid} has the ${what} ${known} on Wire, but ${given} was given`);
}
