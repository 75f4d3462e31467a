// `withdraw`: pays burns out on Bitcoin.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { sats } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addExamples } from './program.ts';
import { signingFields } from './signing-text.ts';
import { bad, feeRateValue, txidValue } from './values.ts';

interface WithdrawFlags {
  readonly burn?: readonly string[];
  readonly feeRate?: number;
}

export function registerWithdraw(program: Command, cli: Cli): void {
  const command = program
    .command('withdraw')
    .description('Pay burns out in one Bitcoin transaction; without --burn, all that wait.')
    .option('--burn <txid...>', 'the burns to pay, by their transaction id on Wire', burnList)
    .option('--fee-rate <sat/vB>', "the fee rate (default: the node's own estimate)", feeRateValue('--fee-rate'))
    .action(({ burn = [], feeRate }: WithdrawFlags) => {
      const params = { burn_txids: [...burn], ...(feeRate !== undefined && { fee_rate: feeRate }) };
      return runCommand(cli, 'withdraw', params, { text: withdrawText, failure: notBroadcast });
    });
  addExamples(command, 'mpc_operator withdraw', `mpc_operator withdraw --burn ${'cd'.repeat(32)} --fee-rate 5`);
}

const BURNS_MAX = 200;

function burnList(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const txid = txidValue('--burn')(text);
  const list = earlier ?? [];
  if (list.includes(txid)) throw bad('--burn', text, 'given once only');
  if (list.length >= BURNS_MAX)
    throw bad('--burn', text, `among the first ${BURNS_MAX}, which one transaction can pay`);
  return [...list, txid];
}

function notBroadcast({ broadcast, detail }: CommandResults['withdraw']): string | null {
  return broadcast ? null : `The payout is signed, but it is not broadcast: ${detail}.`;
}

function withdrawText(result: CommandResults['withdraw']): string {
  const burns = renderTable(
    [{ title: 'BURN' }, { title: 'ADDRESS' }, { title: 'AMOUNT', align: 'right' }, { title: 'FEE', align: 'right' }],
    result.burns.map(({ burn_txid, address, amount, fee }) => [burn_txid, address, sats(amount), sats(fee)]),
  );
  const made = result.broadcast ? 'broadcast' : 'not broadcast';
  const outcome = result.status === 'under_way' && result.broadcast ? 'under way' : made;
  const fields = renderFields([
    ['transaction', result.txid],
    ['miner fee', `${sats(result.miner_fee)}, ${result.fee_rate} sat/vB for ${result.vsize} vB`],
    ['outcome', result.detail === '' ? outcome : `${outcome}: ${result.detail}`],
    ...signingFields(result.signing),
  ]);
  return `${fields}\n\n${burns}`;
}
