// `test-burn`: a payout from end to end. The transaction spends one outpoint that cannot exist, so it is really signed
// and can never be mined; on regtest `--broadcast` pays for real.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { sats } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { signingFields } from './signing-text.ts';
import { amountValue, satsValue, textValue, txidValue } from './values.ts';

interface BurnFlags {
  readonly txid: string;
  readonly address: string;
  readonly amount: string;
  readonly fee: string;
  readonly broadcast?: boolean;
}

const ADDRESS_CHARACTERS_MAX = 128;

export function registerTestBurn(program: Command, cli: Cli): void {
  const address = textValue('--address', ADDRESS_CHARACTERS_MAX, 'a Bitcoin address');
  const command = program
    .command('test-burn')
    .description('Run a payout from end to end; the transaction it signs cannot be mined.')
    .requiredOption('--txid <hex>', "the burn's transaction id on Wire", txidValue('--txid'))
    .requiredOption('--address <address>', 'the Bitcoin address to pay', address)
    .requiredOption('--amount <sats>', 'the burnt amount in sats (100000000 = 1 BTC)', amountValue('--amount'))
    .requiredOption('--fee <sats>', 'the part of the amount that the federation keeps, in sats', satsValue('--fee'))
    .option('--broadcast', 'regtest only: sign a real transaction and broadcast it')
    .action(({ txid, address, amount, fee, broadcast = false }: BurnFlags) =>
      runCommand(
        cli,
        'test-burn',
        { txid, address, amount, fee, broadcast },
        {
          text: testBurnText,
          failure: (result) =>
            broadcast && !result.broadcast ? `The payout is signed, but it is not broadcast: ${result.detail}.` : null,
        },
      ),
    );
  addExamples(
    command,
    `mpc_operator test-burn --txid ${'cd'.repeat(32)} --address bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 --amount 50000000 --fee 1000`,
  );
}

function testBurnText(result: CommandResults['test-burn']): string {
  const outcome = result.broadcast ? 'broadcast' : 'signed, not broadcast';
  return renderFields([
    ['transaction id', result.txid],
    ['inputs', String(result.inputs)],
    ['miner fee', sats(result.miner_fee)],
    ['outcome', result.detail === '' ? outcome : `${outcome}: ${result.detail}`],
    ...signingFields(result.signing),
    ['transaction', result.transaction],
    ['psbt', result.psbt],
  ]);
}
