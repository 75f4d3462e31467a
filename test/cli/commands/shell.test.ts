// Completion and the manual page, as the shells and man themselves take them.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { commandTable } from '../../../cli/command-table.ts';
import { commandModules } from '../../../cli/commands.ts';
import { createProgram } from '../../../cli/program.ts';
import { memoryContext } from '../surroundings.ts';
import { Desk } from './desk.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

const table = commandTable(createProgram(memoryContext().context, commandModules()));

async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout } = await desk.run(args);
  expect(code).toBe(0);
  return stdout;
}

/** What bash offers for a line of words, the last of them being typed. */
function offered(script: string, ...words: readonly string[]): readonly string[] {
  const file = desk.write('completion.bash', script);
  const line = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mpc_operator; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = Bun.spawnSync(['bash', '-c', line, 'bash', file, 'mpc_operator', ...words]);
  expect(stderr.toString()).toBe('');
  return stdout
    .toString()
    .split('\n')
    .filter((word) => word !== '');
}

describe('bash', () => {
  test('is offered every command, its subcommands and its flags, and the global flags', async () => {
    const script = await printed('completion', 'bash');
    for (const { words, subcommands, options } of table) {
      const found = offered(script, ...words.slice(1), '');
      for (const { name } of subcommands) expect(found).toContain(name);
      for (const flag of [...options.flatMap(({ names }) => names), '--config', '--json'])
        expect(found).toContain(flag);
    }
  });

  test('completes what was begun, past flags and their values', async () => {
    const script = await printed('completion', 'bash');
    expect(offered(script, 'au')).toEqual(['audit']);
    expect(offered(script, '--config', 'x', 'peer', 'a')).toEqual(['add']);
    expect(offered(script, 'audit', 'list', '--li')).toEqual(['--limit']);
  });

  test('is left to offer files where a value comes', async () => {
    const script = await printed('completion', 'bash');
    expect(offered(script, 'audit', 'export', '--output', '')).toEqual([]);
  });
});

for (const [shell, check] of [
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  test.skipIf(Bun.which(shell) === null)(`the script for ${shell} is well-formed to ${shell}`, async () => {
    const file = desk.write(`script.${shell}`, await printed('completion', shell));
    const { exitCode, stderr } = Bun.spawnSync([shell, ...check, file]);
    expect([exitCode, stderr.toString()]).toEqual([0, '']);
  });

  test(`the script for ${shell} names every command and flag`, async () => {
    const script = await printed('completion', shell);
    for (const { words, options } of table) {
      expect(script).toContain(words.join(' '));
      for (const { names } of options) expect(script).toContain((names.at(-1) ?? '').replace(/^--/, ''));
    }
    // A quote in a description would end the string that it stands in.
    for (const line of script.split('\n')) expect([...line.matchAll(/'/g)].length % 2).toBe(0);
  });
}

test('another shell is refused with exit code 2', async () => {
  const { code, stderr } = await desk.run(['completion', 'csh']);
  expect(code).toBe(2);
  expect(stderr).toContain('Allowed choices are bash, zsh, fish');
});

describe('the manual page', () => {
  test('has a section for every command, with its flags and examples', async () => {
    const page = await printed('man');
    for (const { words, options } of table.slice(1)) {
      expect(page).toContain(`.SS "${words.join(' ').replaceAll('-', '\\-')}"\n`);
      for (const { flags } of options.filter(({ names }) => !names.includes('--help'))) {
        expect(page).toContain(`.B ${flags.replaceAll('-', '\\-').replaceAll('…', '...')}\n`);
      }
    }
    expect(page).toContain('  $ mpc_operator audit verify\n');
  });

  test.skipIf(Bun.which('groff') === null)('is set by groff without a warning', async () => {
    const file = desk.write('mpc_operator.1', await printed('man'));
    const { exitCode, stdout, stderr } = Bun.spawnSync(['groff', '-man', '-ww', '-Tascii', '-P-cbou', file]);
    expect([exitCode, stderr.toString()]).toEqual([0, '']);
    expect(stdout.toString()).toContain('EXIT STATUS');
  });

  test.skipIf(Bun.which('man') === null)('is shown by man', async () => {
    const file = desk.write('mpc_operator.1', await printed('man'));
    const env = { PATH: '/usr/bin:/bin', MANPAGER: 'cat', MANWIDTH: '100', LC_ALL: 'C.UTF-8' };
    const { exitCode, stdout } = Bun.spawnSync(['man', '--warnings', '-l', file], { env });
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toContain('mpc_operator tls rotate');
  });
});
