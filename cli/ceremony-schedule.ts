// `ceremony schedule`: the date and the backup date of the key ceremony, proposed to all and answered by each.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import type { CeremonyDateReport } from '../operator/runtime/incident-command-types.ts';
import { TIMELINE_TEXT_CHARACTERS_MAX } from '../store/schema-timeline.ts';
import { type Cli, runCommand } from './call.ts';
import { UsageError } from './errors.ts';
import { localTime } from './format.ts';
import { deliveryText } from './incident.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { bad, ceremonyIdValue, lineValue, timeValue } from './values.ts';

const EXAMPLE_ID = '0-1f2e3d4c';

interface ProposalFlags {
  readonly at?: number;
  readonly backup?: number;
  readonly ceremonyId?: string;
}

export function registerCeremonySchedule(ceremony: Command, cli: Cli): void {
  const schedule = ceremony
    .command('schedule')
    .description('Propose when the key ceremony is held, and when if that fails; all operators are told.')
    .option('--at <time>', 'the date, as 2026-03-01T14:00 or with an offset or Z', timeValue('--at'))
    .option('--backup <time>', 'the date if the first one fails', timeValue('--backup'))
    .option('--ceremony-id <id>', 'which ceremony', ceremonyIdValue('--ceremony-id'))
    .action((flags: ProposalFlags) => propose(cli, flags));
  addExamples(
    schedule,
    'mpc_operator ceremony schedule --at 2026-12-01T14:00Z --backup 2026-12-03T14:00Z --ceremony-id initial-dkg',
    'mpc_operator ceremony schedule show',
  );
  const show = schedule
    .command('show')
    .description('Show the proposed dates, and who accepts them.')
    .action(() => runCommand(cli, 'ceremony-schedule-show', {}, { text: showText }));
  addExamples(show, 'mpc_operator ceremony schedule show', 'mpc_operator ceremony schedule show --json');
  registerAnswers(schedule, cli);
}

// Commander would ask for flags that are required of `schedule show` as well.
async function propose(cli: Cli, { at, backup, ceremonyId }: ProposalFlags): Promise<void> {
  if (at === undefined || backup === undefined) throw new UsageError('Give both --at TIME and --backup TIME.');
  if (backup <= at) throw new UsageError('--backup is not later than --at: it is the date if the first one fails.');
  const params = { at: iso(at), backup: iso(backup), ceremony_id: ceremonyId ?? null };
  await runCommand(cli, 'ceremony-schedule', params, { text: answeredText });
}

function registerAnswers(schedule: Command, cli: Cli): void {
  const reasonValue = lineValue('--reason', TIMELINE_TEXT_CHARACTERS_MAX, 'a reason');
  const accept = schedule
    .command('accept')
    .description('Accept a proposed date: the newest one, if none is named.')
    .argument('[id]', 'the proposal', proposalId)
    .option('--reason <text>', 'what else to say', reasonValue, 'accepted')
    .action((id: string | undefined, { reason }: { readonly reason: string }) =>
      runCommand(
        cli,
        'ceremony-schedule-answer',
        { id: id ?? null, answer: 'accepted', reason },
        { text: answeredText },
      ),
    );
  addExamples(accept, 'mpc_operator ceremony schedule accept', `mpc_operator ceremony schedule accept ${EXAMPLE_ID}`);
  const refuse = schedule
    .command('refuse')
    .description('Refuse a proposed date: the newest one, if none is named.')
    .argument('[id]', 'the proposal', proposalId)
    .requiredOption('--reason <text>', 'why, and which date would do', reasonValue)
    .action((id: string | undefined, { reason }: { readonly reason: string }) =>
      runCommand(
        cli,
        'ceremony-schedule-answer',
        { id: id ?? null, answer: 'refused', reason },
        { text: answeredText },
      ),
    );
  addExamples(refuse, 'mpc_operator ceremony schedule refuse --reason "our key holder is away; any day after"');
}

function proposalId(text: string): string {
  const id = text.toLowerCase();
  if (!/^(0|[1-9][0-9]?)-[0-9a-f]{8}$/.test(id)) throw bad('[id]', text, `the id of a proposal, such as ${EXAMPLE_ID}`);
  return id;
}

function answeredText({ date, delivery }: CommandResults['ceremony-schedule']): string {
  return `${dateText(date)}\n${deliveryText(delivery)}`;
}

function showText({ current, proposals }: CommandResults['ceremony-schedule-show']): string {
  if (current === null) {
    return 'No date is proposed. Propose one with: mpc_operator ceremony schedule --at TIME --backup TIME';
  }
  const others = proposals.filter(({ id }) => id !== current.id);
  return [dateText(current), ...others.map((other) => `Also proposed:\n${dateText(other)}`)].join('\n\n');
}

function dateText(date: CeremonyDateReport): string {
  const { id, ceremony_id, at, backup, proposed_by, proposed_by_name, proposed_at } = date;
  const state = `${date.agreed ? 'agreed' : 'not agreed yet'}: accepted by ${date.accepted} of ${date.participants}`;
  return renderFields([
    ['proposal', `${id}${ceremony_id === null ? '' : `, ceremony ${ceremony_id}`}`],
    ['date', localTime(at)],
    ['backup date', localTime(backup)],
    ['proposed by', `operator ${proposed_by} (${proposed_by_name}), at ${localTime(proposed_at)}`],
    ['state', state],
    ...date.answers.map(({ index, name, answer, reason }) => {
      const why = reason === null || reason === answer ? '' : `: ${reason}`;
      return [`operator ${index}`, `${name}: ${answer ?? 'no answer yet'}${why}`] as const;
    }),
  ]);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
