// `test-signing`: the federation signs a message with both keys, under tags that nothing else accepts.
import type { Command } from 'commander';
import { TEST_MESSAGE_CHARACTERS_MAX } from '../ceremony/intent.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { signingFields } from './signing-text.ts';
import { textValue } from './values.ts';

type TestSigning = CommandResults['test-signing'];

export function registerTestSigning(program: Command, cli: Cli): void {
  const text = textValue('--message', TEST_MESSAGE_CHARACTERS_MAX, 'a message');
  const command = program
    .command('test-signing')
    .description('Sign a test message with both keys of the federation.')
    .requiredOption('--message <text>', 'the message', text)
    .action(({ message }: { message: string }) =>
      runCommand(cli, 'test-signing', { message }, { text: testSigningText }),
    );
  addExamples(command, 'mpc_operator test-signing --message "test message"');
}

function testSigningText({ message, bitcoin, attestation }: TestSigning): string {
  return [
    renderFields([['message', message]]),
    signatureText('Bitcoin key (FROST, BIP 340 signature)', bitcoin),
    signatureText('Attestation key (FROST, Ed25519 signature)', attestation),
  ].join('\n\n');
}

function signatureText(title: string, signed: TestSigning['bitcoin']): string {
  const fields = renderFields([
    ['public key', signed.public_key],
    ['signed bytes', signed.signed],
    ['signature', signed.signature],
    ...signingFields(signed),
  ]);
  return `${title}\n${fields}`;
}
