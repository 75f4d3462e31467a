// `dkg`: takes part in a key ceremony. Every operator runs the same command; that is the node's consent.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import type { PassphraseOptions } from './context.ts';
import { duration } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples, addPassphraseOptions } from './program.ts';
import { ceremonyIdValue, wholeValue } from './values.ts';

interface DkgFlags extends PassphraseOptions {
  readonly ceremonyId: string;
  readonly rehearsal?: boolean;
  readonly wait: number;
}

const WAIT_S_DEFAULT = 3_600;
const WAIT_S_MAX = 86_400;
type Dkg = CommandResults['dkg'];

export function registerDkg(program: Command, cli: Cli): void {
  const wait = wholeValue('--wait', 1, WAIT_S_MAX, 'a whole number of seconds');
  const command = program
    .command('dkg')
    .description('Make the keys together with all other operators, who run the same command.')
    .requiredOption('--ceremony-id <id>', 'the name all operators agreed on', ceremonyIdValue('--ceremony-id'))
    .option('--rehearsal', 'do everything, then destroy the keys')
    .option('--wait <seconds>', 'how long to wait for the others', wait, WAIT_S_DEFAULT)
    .action((flags: DkgFlags) => {
      const params = { ceremony_id: flags.ceremonyId, rehearsal: flags.rehearsal === true, wait_s: flags.wait };
      return runCommand(cli, 'dkg', params, { text: dkgText }, flags);
    });
  addPassphraseOptions(command);
  addExamples(
    command,
    'mpc_operator dkg --ceremony-id initial-dkg',
    'mpc_operator dkg --ceremony-id practice-1 --rehearsal --wait 600',
  );
}

function dkgText(result: Dkg): string {
  const fields = renderFields([
    ['ceremony', `${result.ceremony_id}${result.rehearsal ? ' (rehearsal)' : ''}`],
    ['coordinator', `operator ${result.coordinator}`],
    ['key', result.key_id ?? 'destroyed after the rehearsal'],
    ['bitcoin key', result.bitcoin_public_key],
    ['attestation key', result.attestation_public_key],
    ['transcript hash', result.transcript_hash],
    ['signed in test', result.proven.length === 0 ? '-' : result.proven.map((set) => `{${set.join(', ')}}`).join(' ')],
    ['took', duration(result.duration_ms)],
  ]);
  if (result.rehearsal) {
    const next = 'Next, with all operators at the agreed time: mpc_operator dkg --ceremony-id initial-dkg';
    return `${fields}\n\nThe rehearsal succeeded; its keys are destroyed.\n${next}`;
  }
  const kept = 'The keys are live. Compare the transcript hash with the other operators, then back up the key file.';
  const next =
    'Next: mpc_operator server, if it does not run yet; then mpc_operator treasury, which shows what to fund.';
  return `${fields}\n\n${kept}\n${next}`;
}
