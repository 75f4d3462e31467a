// `contacts`: whom to call, by level of escalation.
import type { Command } from 'commander';
import type { ContactsReport, OperatorContact } from '../operator/runtime/incident-command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { roleWord } from './contact-value.ts';
import { renderTable } from './output.ts';
import { addExamples } from './program.ts';

export function registerContacts(program: Command, cli: Cli): void {
  const command = program
    .command('contacts')
    .description('Show whom to call at each operator, by level of escalation, as the operator cards say.')
    .action(() => runCommand(cli, 'contacts', {}, { text: contactsText }));
  addExamples(command, 'mpc_operator contacts', 'mpc_operator contacts --json');
}

/** The text of `contacts`. */
function contactsText({ levels, missing_cards: missing }: ContactsReport): string {
  const parts = levels.map(({ level, what, role, operators }) => {
    const whom = level === 3 ? 'contact all operators' : `contact the ${roleWord(role).replace('-', ' ')}`;
    return `Level ${level}, ${what}: ${whom}\n${contactTable(operators)}`;
  });
  const ways = 'Write by messenger first, then by e-mail; in an emergency call by phone.';
  const lacking = missing.map((index) => `Operator ${index}: no card here. Run: mpc_operator peer add CARD`);
  return [...parts, [ways, ...lacking].join('\n')].join('\n\n');
}

/** A table of people to call. */
export function contactTable(operators: readonly OperatorContact[]): string {
  return renderTable(
    [{ title: 'OPERATOR' }, { title: 'NAME' }, { title: 'MESSENGER' }, { title: 'E-MAIL' }, { title: 'PHONE' }],
    operators.map(({ index, name, own, contact }) => [
      `${index} ${name}${own ? ' (this node)' : ''}`,
      contact?.name ?? 'nobody is named on its card',
      contact?.messaging ?? '-',
      contact?.email ?? '-',
      contact?.phone ?? '-',
    ]),
  );
}
