// `attest` and `test-attestation`: the federation attests that a deposit may be minted on Wire. The test runs the whole
// way too, but signs under a tag that the ledger does not accept.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime, sats } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { signingFields } from './signing-text.ts';
import { amountValue, recipientValue, txidValue, voutValue } from './values.ts';

interface DepositFlags {
  readonly txid: string;
  readonly vout: number;
  readonly recipient: string;
  readonly amount: string;
}

const EXAMPLE = `--txid ${'ab'.repeat(32)} --vout 0 --recipient ${'1f'.repeat(32)} --amount 100000000`;

export function registerAttest(program: Command, cli: Cli): void {
  const command = program
    .command('attest')
    .description('Attest a deposit with the federation and hand the attestation to Wire.');
  addDepositFlags(command, cli, false);
  addExamples(command, `mpc_operator attest ${EXAMPLE}`);
}

export function registerTestAttestation(program: Command, cli: Cli): void {
  const command = program
    .command('test-attestation')
    .description('Run a mint attestation from end to end; what it signs cannot mint anything.');
  addDepositFlags(command, cli, true);
  addExamples(command, `mpc_operator test-attestation ${EXAMPLE}`);
}

function addDepositFlags(command: Command, cli: Cli, test: boolean): void {
  command
    .requiredOption('--txid <hex>', "the deposit's transaction id", txidValue('--txid'))
    .requiredOption('--vout <number>', "the deposit's output index", voutValue('--vout'))
    .requiredOption(
      '--recipient <hex>',
      'the recipient on Wire: 64 hexadecimal characters',
      recipientValue('--recipient'),
    )
    .requiredOption('--amount <sats>', 'the amount in sats (100000000 = 1 BTC)', amountValue('--amount'))
    .action(({ txid, vout, recipient, amount }: DepositFlags) =>
      runCommand(cli, 'attest', { txid, vout, recipient, amount, test }, { text: attestText }),
    );
}

function attestText(result: CommandResults['attest']): string {
  const fields = Object.entries(result.attestation).map(
    ([name, value]) => [name.replaceAll('_', ' '), valueText(name, String(value))] as const,
  );
  const outcome = result.test ? 'test only' : result.submitted ? 'handed to Wire' : 'not handed to Wire';
  return renderFields([
    ...fields,
    ['outcome', result.detail === '' ? outcome : `${outcome}: ${result.detail}`],
    ...signingFields(result.signing),
  ]);
}

// Numbers that a person would have to reckon with get their meaning beside them.
function valueText(name: string, text: string): string {
  if (!/^[0-9]{1,15}$/.test(text)) return text;
  if (name === 'amount') return sats(text);
  if (name !== 'expiry' && name !== 'created_at') return text;
  const time = new Date(Number(text) * 1000);
  return Number.isNaN(time.getTime()) ? text : `${text} (${localTime(time.toISOString())})`;
}
