// `peer export` and `peer list`: this node's operator card, and the cards it has of the others. `peer add` is in
// peer-add.ts.
import type { Command } from 'commander';
import { canonicalJson } from '../crypto/canonical-json.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, callNode, plainJson, runCommand } from './call.ts';
import type { PassphraseOptions } from './context.ts';
import { writeOutput } from './files.ts';
import { localTime } from './format.ts';
import { renderTable } from './output.ts';
import { registerPeerAdd } from './peer-add.ts';
import { addExamples, addPassphraseOptions } from './program.ts';

interface ExportFlags extends PassphraseOptions {
  readonly output?: string;
}

export function registerPeer(program: Command, cli: Cli): void {
  const peer = program.command('peer').description('Exchange operator cards with the other operators.');
  addExamples(peer, 'mpc_operator peer export --output card.json', 'mpc_operator peer add card-1.json card-2.json');
  registerExport(peer, cli);
  registerPeerAdd(peer, cli);
  registerList(peer, cli);
}

function registerExport(peer: Command, cli: Cli): void {
  const command = peer
    .command('export')
    .description("Print this node's operator card, to be given to the other operators.")
    .option('--output <file>', 'write the card to a file')
    .action((flags: ExportFlags) => exportCard(cli, flags));
  // Only where the certificate has changed and no server runs: then the card is signed anew.
  addPassphraseOptions(command);
  addExamples(command, 'mpc_operator peer export --output card.json', 'mpc_operator peer export > card.json');
}

async function exportCard(cli: Cli, flags: ExportFlags): Promise<void> {
  const { context } = cli;
  const result = await callNode(cli, 'peer-export', {}, flags);
  // Whoever takes the card insists on exactly this form, which is the one that was signed.
  const card = canonicalJson(plainJson(result.card));
  if (flags.output !== undefined) await writeOutput(context, flags.output, `${card}\n`);
  context.output.result(plainJson(result), () => (flags.output === undefined ? card : `Wrote ${flags.output}`));
  context.output.note(`Fingerprint, to be read aloud: ${result.fingerprint}`);
  context.output.note('Next: send the card to the other operators, and add theirs with mpc_operator peer add CARD…');
}

function registerList(peer: Command, cli: Cli): void {
  const command = peer
    .command('list')
    .description('List the operators whose cards this node has, and who is missing.')
    .action(() => runCommand(cli, 'peer-list', {}, { text: (result) => listText(result, cli.context.config()) }));
  addExamples(command, 'mpc_operator peer list', 'mpc_operator peer list --json');
}

function missingText(missing: readonly number[]): string {
  const which = `Cards missing of index ${missing.join(', ')}.`;
  return `${which} Add them with: mpc_operator peer add CARD…`;
}

function listText({ peers, missing }: CommandResults['peer-list'], { partyAddresses, file }: OperatorConfig): string {
  const table = renderTable(
    [
      { title: 'INDEX', align: 'right' },
      { title: 'NAME' },
      { title: 'ADDRESS' },
      { title: 'CERTIFICATE UNTIL' },
      { title: 'FINGERPRINT' },
    ],
    peers.map(({ index, name, address, certificate_expires_at, fingerprint, self }) => [
      String(index),
      self ? `${name} (this node)` : name,
      address,
      localTime(certificate_expires_at),
      fingerprint,
    ]),
  );
  const verdict = missing.length === 0 ? 'All cards are here.' : missingText(missing);
  const conflicts = peers.flatMap(({ index, name, address }) => {
    const configured = partyAddresses[index]?.text;
    if (configured === undefined || configured === address) return [];
    return [`The card of operator ${index} (${name}) says ${address}, but ${file} says ${configured}: agree on one.`];
  });
  return [table, '', verdict, ...conflicts].join('\n');
}
