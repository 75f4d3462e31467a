// `checklist`: the ceremony's checklist of the launch instructions, each box ticked by what is so.
import type { Command } from 'commander';
import { CHECKLIST_NOTE_MAX } from '../operator/runtime/check-command-types.ts';
import type { ChecklistBox, CommandResults } from '../operator/runtime/command-types.ts';
import { CONFIRMED_BOXES, type ConfirmedBox } from '../store/schema-checklist.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime } from './format.ts';
import type { Output } from './output.ts';
import { addExamples } from './program.ts';
import { choiceValue, textValue } from './values.ts';

type Checklist = CommandResults['checklist'];

export function registerChecklist(program: Command, cli: Cli): void {
  const checklist = program
    .command('checklist')
    .description('Show the checklist of the key ceremony, ticked by what is so; exit code 1 while a box is open.')
    .action(() => runCommand(cli, 'checklist', {}, { text: checklistText, failure }));
  addExamples(checklist, 'mpc_operator checklist', 'mpc_operator checklist --json');
  const confirm = checklist
    .command('confirm')
    .description(
      'Tick a box that no machine can see: channel (fingerprints read aloud), emergency (procedures agreed).',
    )
    .argument('<box>', `one of ${CONFIRMED_BOXES.join(', ')}`, choiceValue('<box>', CONFIRMED_BOXES))
    .requiredOption(
      '--note <text>',
      'with whom and how, for the audit log',
      textValue('--note', CHECKLIST_NOTE_MAX, 'a note'),
    )
    .action((box: ConfirmedBox, { note }: { readonly note: string }) =>
      runCommand(cli, 'checklist-confirm', { box, note }, { text: confirmedText }),
    );
  addExamples(confirm, 'mpc_operator checklist confirm channel --note "12 words with Beta and Gamma, by phone"');
}

function checklistText({ boxes, ticked, total }: Checklist, output: Output): string {
  return [...boxes.flatMap((box) => boxLines(box, output)), '', `${ticked} of ${total} boxes are ticked.`].join('\n');
}

// Of a box that is ticked nothing more need be read than by whom, where a person ticked it.
function boxLines(box: ChecklistBox, output: Output): readonly string[] {
  const { title, ticked, items, confirmation, action } = box;
  const mark = ticked ? output.style('[x]', 'green') : output.style('[ ]', 'bold', 'yellow');
  const lines = ticked ? [] : items.map(({ ok, text }) => `      ${ok ? 'x' : '-'} ${text}`);
  const confirmed = confirmation === null ? [] : [`      ${confirmationText(confirmation)}`];
  return [`${mark} ${title} (${box.box})`, ...lines, ...confirmed, ...(action === null ? [] : [`      → ${action}`])];
}

function confirmationText({ at, by, note, is_current }: NonNullable<ChecklistBox['confirmation']>): string {
  const stale = is_current ? '' : '; cards have changed since, so it counts no more';
  return `confirmed ${by === null ? '' : `by ${by} `}at ${localTime(at)}: ${note}${stale}`;
}

function failure({ ticked, total }: Checklist): string | null {
  return ticked === total ? null : `${total - ticked} of ${total} boxes are open.`;
}

function confirmedText({ box, note, at }: CommandResults['checklist-confirm']): string {
  return `The box ${box} is confirmed at ${localTime(at)}: ${note}`;
}
