// `consolidate-fees` and `test-consolidate-fees`: the surplus of the treasury to an address that the operators agreed on; the
// test signs the same with one input that cannot exist, so that it can never be mined.
import type { Command } from 'commander';
import type { CommandResults, ConsolidationReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { sats } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { signingFields } from './signing-text.ts';
import { notBroadcast, stepText } from './step-text.ts';
import { feeRateValue, textValue } from './values.ts';

const ADDRESS_CHARACTERS_MAX = 128;
const EXAMPLE = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4';
const ABOUT = [
  'Pay what the surplus of the treasury holds above the reserve (policy.fee_reserve_sats), less the miner fee, to an address.',
  'Each signer holds the address against policy.consolidate_addresses in its own configuration. The step follows a payout',
  'that waits. If a consolidation waits already, --fee-rate replaces it by one that pays more.',
].join(' ');

const address = textValue('--address', ADDRESS_CHARACTERS_MAX, 'a Bitcoin address');

export function registerConsolidateFees(program: Command, cli: Cli): void {
  const command = program
    .command('consolidate-fees')
    .summary('Pay the surplus above the reserve to an address that the operators agreed on.')
    .description(ABOUT)
    .requiredOption('--address <address>', 'the Bitcoin address, listed in policy.consolidate_addresses', address)
    .option('--fee-rate <sat/vB>', 'the fee rate (default: the estimate)', feeRateValue('--fee-rate'))
    .action(({ address: to, feeRate }: { readonly address: string; readonly feeRate?: number }) =>
      runCommand(
        cli,
        'consolidate-fees',
        { address: to, ...(feeRate !== undefined && { fee_rate: feeRate }) },
        {
          text: (result) => `${renderFields(consolidationFields(result))}\n\n${stepText(result.step)}`,
          failure: ({ step }) => notBroadcast(step),
        },
      ),
    );
  addExamples(
    command,
    `mpc_operator consolidate-fees --address ${EXAMPLE}`,
    `mpc_operator consolidate-fees --address ${EXAMPLE} --fee-rate 2.5`,
  );
}

export function registerTestConsolidateFees(program: Command, cli: Cli): void {
  const command = program
    .command('test-consolidate-fees')
    .description('Run a fee consolidation from end to end; the transaction it signs cannot be mined.')
    .requiredOption('--address <address>', 'the Bitcoin address, listed in policy.consolidate_addresses', address)
    .option('--broadcast', 'regtest only: sign a real transaction and broadcast it')
    .action(({ address: to, broadcast = false }: { readonly address: string; readonly broadcast?: boolean }) =>
      runCommand(
        cli,
        'test-consolidate-fees',
        { address: to, broadcast },
        {
          text: testText,
          failure: (result) =>
            broadcast && !result.broadcast
              ? `The consolidation is signed, but it is not broadcast: ${result.detail}.`
              : null,
        },
      ),
    );
  addExamples(command, `mpc_operator test-consolidate-fees --address ${EXAMPLE}`);
}

function consolidationFields({ address: to, amount, surplus, reserve }: ConsolidationReport) {
  return [
    ['to', to],
    ['amount', sats(amount)],
    ['surplus that is left', sats(surplus)],
    ['reserve', sats(reserve)],
  ] as const;
}

function testText(result: CommandResults['test-consolidate-fees']): string {
  const outcome = result.broadcast ? 'broadcast' : 'signed, not broadcast';
  return renderFields([
    ...consolidationFields(result),
    ['transaction id', result.txid],
    ['inputs', String(result.inputs)],
    ['miner fee', sats(result.miner_fee)],
    ['outcome', result.detail === '' ? outcome : `${outcome}: ${result.detail}`],
    ...signingFields(result.signing),
    ['transaction', result.transaction],
    ['psbt', result.psbt],
  ]);
}
