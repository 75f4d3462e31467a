// `ceremony list|schedule|show|verify|abandon|recover`: past and running key ceremonies, the offline check of an exported one, and
// what is left to do by hand.
import type { Command } from 'commander';
import type { Transcript } from '../ceremony/transcript.ts';
import { canonicalJson } from '../crypto/canonical-json.ts';
import type { CeremonyReport, CommandResults } from '../operator/runtime/command-types.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { type Cli, callNode, plainJson, runCommand } from './call.ts';
import { registerCeremonySchedule } from './ceremony-schedule.ts';
import { CliError } from './errors.ts';
import { readInput, writeOutput } from './files.ts';
import { count, localTime, sats } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addExamples } from './program.ts';
import type { CeremonyVerdict } from './services.ts';
import { ceremonyIdValue } from './values.ts';

/** Largest exported ceremony: at 64 participants one takes about 200 KiB. */
const CEREMONY_FILE_BYTES_MAX = 4 * 1024 * 1024;

export function registerCeremony(program: Command, cli: Cli): void {
  const ceremony = program
    .command('ceremony')
    .description('Schedule, list and show key ceremonies, verify exported ones, and recover keys from them.');
  addExamples(ceremony, 'mpc_operator ceremony list', 'mpc_operator ceremony verify initial-dkg.json');
  registerList(ceremony, cli);
  registerCeremonySchedule(ceremony, cli);
  registerShow(ceremony, cli);
  registerVerify(ceremony, cli);
  registerAbandon(ceremony, cli);
  registerRecover(ceremony, cli);
}

function registerList(ceremony: Command, cli: Cli): void {
  const command = ceremony
    .command('list')
    .description('List the ceremonies this node knows.')
    .action(() => runCommand(cli, 'ceremony-list', {}, { text: listText }));
  addExamples(command, 'mpc_operator ceremony list', 'mpc_operator ceremony list --json');
}

function listText({ ceremonies }: CommandResults['ceremony-list']): string {
  if (ceremonies.length === 0) return 'No ceremonies yet.';
  return renderTable(
    [{ title: 'CEREMONY' }, { title: 'PHASE' }, { title: 'KEY' }, { title: 'BEGUN' }, { title: 'DETAIL' }],
    ceremonies.map((report) => [
      nameOf(report),
      report.phase,
      report.key_id ?? '-',
      localTime(report.created_at),
      report.detail,
    ]),
  );
}

function registerShow(ceremony: Command, cli: Cli): void {
  const command = ceremony
    .command('show')
    .description('Show a ceremony; with --output, export its transcript and certificate.')
    .argument('<id>', 'the ceremony', ceremonyIdValue('The ceremony id'))
    .option('--output <file>', 'write the transcript and its certificate to a file')
    .action((id: string, flags: { output?: string }) => show(cli, id, flags.output ?? null));
  addExamples(
    command,
    'mpc_operator ceremony show initial-dkg',
    'mpc_operator ceremony show initial-dkg --output initial-dkg.json',
  );
}

async function show(cli: Cli, id: string, path: string | null): Promise<void> {
  const { context } = cli;
  const result = await callNode(cli, 'ceremony-show', { ceremony_id: id });
  if (path !== null) {
    if (result.file === null) {
      throw new CliError(`Ceremony ${id} has no certificate yet (${result.ceremony.phase}), so nothing was written.`);
    }
    await writeOutput(context, path, `${canonicalJson(plainJson(result.file))}\n`);
  }
  context.output.result(plainJson(result), () => showText(result));
  if (path !== null) context.output.note(`Wrote ${path}`);
}

function showText({ ceremony, file }: CommandResults['ceremony-show']): string {
  return renderFields([
    ['ceremony', nameOf(ceremony)],
    ['phase', ceremony.phase],
    ['detail', ceremony.detail === '' ? '-' : ceremony.detail],
    ['coordinator', ceremony.coordinator === null ? '-' : `operator ${ceremony.coordinator}`],
    ['attempt', ceremony.attempt ?? '-'],
    ['key', ceremony.key_id ?? '-'],
    ['transcript hash', ceremony.transcript_hash ?? '-'],
    ['certificate', file === null ? 'none' : 'signed by all, can be exported with --output'],
    ['begun', localTime(ceremony.created_at)],
    ['last step', localTime(ceremony.updated_at)],
  ]);
}

function registerAbandon(ceremony: Command, cli: Cli): void {
  const command = ceremony
    .command('abandon')
    .description('Give up a ceremony that can never end, so that another can start.')
    .argument('<id>', 'the ceremony', ceremonyIdValue('The ceremony id'))
    .action((id: string) => runCommand(cli, 'ceremony-abandon', { ceremony_id: id }, { text: abandonText }));
  addExamples(command, 'mpc_operator ceremony abandon practice-1');
}

function abandonText({ ceremony_id, may_be_live_elsewhere }: CommandResults['ceremony-abandon']): string {
  const text = `Ceremony ${ceremony_id} is abandoned here; the next one needs another --ceremony-id.`;
  if (!may_be_live_elsewhere) return text;
  const others = `This node had confirmed it: ask the others whether they hold its keys (ceremony show ${ceremony_id}).`;
  return `${text}\n${others}\nIf they do, this node gets its shares back with: mpc_operator ceremony recover FILE`;
}

function registerRecover(ceremony: Command, cli: Cli): void {
  const command = ceremony
    .command('recover')
    .description("Recover the federation's key from an exported ceremony, if this node lost it or missed the end.")
    .argument('<file>', "what another operator's `ceremony show --output` wrote; '-' is standard input")
    .action((path: string) => recover(cli, path));
  addExamples(command, 'mpc_operator ceremony recover initial-dkg.json');
}

async function recover(cli: Cli, path: string): Promise<void> {
  const json = parsedJson(await readInput(cli.context, path, CEREMONY_FILE_BYTES_MAX));
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new CliError(`${path === '-' ? 'Standard input' : path} is not an exported ceremony.`);
  }
  await runCommand(cli, 'ceremony-recover', { file: { ...json } }, { text: recoverText });
}

function recoverText(result: CommandResults['ceremony-recover']): string {
  const fields = renderFields([
    ['ceremony', result.ceremony_id],
    ['key', result.key_id],
    ['bitcoin key', result.bitcoin_public_key],
    ['attestation key', result.attestation_public_key],
    ['transcript hash', result.transcript_hash],
    ['shares', result.shares === 'kept' ? 'those of the key file' : 'recovered with the host secret'],
  ]);
  const kept = 'The key is live here. Compare the transcript hash with the other operators, then back up the key file.';
  return `${fields}\n\n${kept}\nNext: mpc_operator status`;
}

function nameOf({ ceremony_id, rehearsal }: CeremonyReport): string {
  return rehearsal ? `${ceremony_id} (rehearsal)` : ceremony_id;
}

function registerVerify(ceremony: Command, cli: Cli): void {
  const command = ceremony
    .command('verify')
    .description('Verify an exported ceremony offline; exit code 1 if anything in it is wrong.')
    .argument('<file>', "the exported file; '-' is standard input")
    .action((path: string) => verify(cli, path));
  addExamples(command, 'mpc_operator ceremony verify initial-dkg.json');
}

async function verify({ context, services }: Cli, path: string): Promise<void> {
  const name = path === '-' ? 'Standard input' : path;
  const file = parsedJson(await readInput(context, path, CEREMONY_FILE_BYTES_MAX));
  if (file === undefined) throw new CliError(`${name} is not JSON.`);
  const { transcript, problems, treasuryRoot } = await services.verifyCeremony(file);
  const verdict = { ok: problems.length === 0, problems: [...problems], treasury_root: treasuryRoot };
  context.output.result(verdict, () => {
    const found = problems.map((problem) => `  - ${printable(problem)}`);
    const conclusion = verdict.ok
      ? context.output.style('This file is valid.', 'green')
      : [context.output.style('This file is NOT valid:', 'bold', 'red'), ...found].join('\n');
    return transcript === null ? conclusion : `${transcriptText(transcript, treasuryRoot)}\n\n${conclusion}`;
  });
  if (!verdict.ok) throw new CliError(`${name} fails: ${count(problems.length, 'problem')}.`);
}

function transcriptText(transcript: Transcript, root: CeremonyVerdict['treasuryRoot']): string {
  const { participants, outputs } = transcript;
  return renderFields([
    ['ceremony', `${transcript.ceremony_id}${transcript.rehearsal ? ' (rehearsal)' : ''}, ${transcript.network}`],
    ['threshold', `${transcript.t} of ${transcript.n}`],
    ['participants', participants.map(({ index, name }) => `${index} ${name}`).join(', ')],
    ['bitcoin key', outputs.bitcoin.public_key],
    ['attestation key', outputs.attestation.public_key],
    ...(root === null
      ? []
      : [
          ['treasury address', root.address] as const,
          ['treasury root', `${root.txid}:${root.vout}, ${sats(root.amount)}, signed by all`] as const,
        ]),
  ]);
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
