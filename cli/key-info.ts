// `key-info`: the federation's keys as this node holds them.
import type { Command } from 'commander';
import type { CommandResults, KeyReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import type { PassphraseOptions } from './context.ts';
import { localTime } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples, addPassphraseOptions } from './program.ts';

type KeyInfo = CommandResults['key-info'];

export function registerKeyInfo(program: Command, cli: Cli): void {
  const command = program
    .command('key-info')
    .description("Show the federation's public keys and whether this node's shares fit them.")
    .action((options: PassphraseOptions) =>
      runCommand(cli, 'key-info', {}, { text: keyInfoText, failure: keyInfoFailure }, options),
    );
  addPassphraseOptions(command);
  addExamples(command, 'mpc_operator key-info', 'mpc_operator key-info --json');
}

function keyInfoText({ keys }: KeyInfo): string {
  if (keys.length === 0) return 'No keys yet. Make them together with: mpc_operator dkg --ceremony-id initial-dkg';
  return keys.map(keyText).join('\n\n');
}

function keyText(key: KeyReport): string {
  return renderFields([
    ['key', `${key.key_id} (${key.status})`],
    ['threshold', `${key.threshold} of ${key.participants}; this node has index ${key.my_index}`],
    ['bitcoin key', key.bitcoin_public_key],
    ['attestation key', key.attestation_public_key],
    ['treasury address', key.treasury_address],
    ['ceremony', key.ceremony_id],
    ['transcript hash', key.transcript_hash],
    ['made', localTime(key.created_at)],
    ['own shares', sharesText(key)],
  ]);
}

function sharesText({ shares_held, shares_valid }: KeyReport): string {
  if (shares_held === false) return 'NONE in the key file';
  if (shares_valid === null) return 'not checked, the node is sealed';
  return shares_valid ? 'fit the public keys' : 'DO NOT FIT the public keys';
}

function keyInfoFailure({ keys }: KeyInfo): string | null {
  const bare = keys.find(({ status, shares_held }) => status === 'live' && shares_held === false);
  if (bare !== undefined) {
    const cure = 'take the exported ceremony of another operator and run: mpc_operator ceremony recover FILE';
    return `The key file holds no shares of the live key ${bare.key_id}: this node cannot sign; ${cure}`;
  }
  const wrong = keys.filter((key) => key.shares_valid === false).map((key) => key.key_id);
  if (wrong.length === 0) return null;
  return `This node's shares do not fit key ${wrong.join(', ')}: it cannot sign; restore the key file from its backup.`;
}
