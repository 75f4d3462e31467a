import { describe, expect, test } from 'bun:test';
import type { Command } from 'commander';
import { commandModules } from '../../cli/commands.ts';
import { createProgram } from '../../cli/program.ts';
import { memoryContext } from './surroundings.ts';

/** Every command below one, the path of words that calls it beside it; the built-in `help` left out. */
function withDescendants(command: Command, path: string): [string, Command][] {
  const below = command.commands.filter((child) => child.name() !== 'help');
  return [[path, command], ...below.flatMap((child) => withDescendants(child, `${path} ${child.name()}`))];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

/** What is missing in a command's help; empty when nothing is. */
function lacking(path: string, command: Command): string[] {
  const help = helpOf(command);
  const example = help.split(/\nExamples?:\n/)[1] ?? '';
  const leaf = command.commands.length === 0;
  const faults = [];
  if (!example.split('\n').some((line) => line.startsWith(`  $ ${leaf ? path : 'mpc_operator'}`)))
    faults.push('example');
  if (command.description() === '') faults.push('description');
  for (const option of ['--config <path>', '--json']) if (!help.includes(option)) faults.push(option);
  if (command.options.some((option) => option.description === '')) faults.push('option description');
  return faults.map((fault) => `${path}: no ${fault}`);
}

describe('every command', () => {
  const program = createProgram(memoryContext().context, commandModules());
  for (const [path, command] of withDescendants(program, 'mpc_operator')) {
    test(`${path} has a description and help with an example of itself, --config and --json`, () => {
      expect(lacking(path, command)).toEqual([]);
    });
  }

  test('without an example would be found', () => {
    const bare = createProgram(memoryContext().context, [{ register: (root) => void root.command('bare') }]);
    const found = withDescendants(bare, 'mpc_operator').flatMap(([path, command]) => lacking(path, command));
    expect(found).toEqual(['mpc_operator bare: no example', 'mpc_operator bare: no description']);
  });
});
