import { describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliError, UsageError } from '../../cli/context.ts';
import { addExamples, addPassphraseOptions, type CommandModule } from '../../cli/program.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { run } from './surroundings.ts';

const sample: CommandModule = {
  register(program, context) {
    const show = program
      .command('show <what>')
      .description('show something')
      .requiredOption('--amount <sats>', 'an amount');
    addExamples(addPassphraseOptions(show), 'mpc_operator show it --amount 1').action((what, options) => {
      if (what === 'failure') throw new CliError('It is broken.');
      if (what === 'misuse') throw new UsageError('That is no way.');
      if (what === 'bug') throw new TypeError('x is undefined');
      if (what === 'config') context.config();
      const data = { what, amount: BigInt(options.amount), fd: options.passphraseFd };
      context.output.result(data, () => `${data.what} of ${data.amount}`);
    });
  },
};
const modules = [sample];

describe('a command line', () => {
  test('with --version prints the version of package.json alone', async () => {
    expect(await run('--version', modules)).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test('with --help prints help with an example on stdout', async () => {
    const { code, stdout } = await run('show --help', modules);
    expect(code).toBe(0);
    expect(stdout).toContain('Example:\n  $ mpc_operator show it --amount 1');
  });

  test('that is wrong exits with 2 and one sentence on stderr', async () => {
    for (const [line, says] of [
      ['nothing', "unknown command 'nothing'"],
      ['shwo it', 'Did you mean show?'],
      ['show --amount 1', "missing required argument 'what'"],
      ['show it', "required option '--amount <sats>' not specified"],
      ['show it --amuont 1', "unknown option '--amuont' (Did you mean --amount?)"],
      ['show it --amount 1 --nope', "unknown option '--nope'"],
      ['show it --amount 1 --passphrase-fd x', '--passphrase-fd "x" is not a file descriptor'],
      ['show misuse --amount 1', 'That is no way.'],
      ['show it \u2014amount 1', '"\u2014amount" begins with \u2014, which is no hyphen: type - there yourself.'],
      ['show \u201cit\u201d --amount 1', 'which is a quote that no shell knows: type " or \' there yourself.'],
    ] as const) {
      const ran = await run(line, modules);
      expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: '' });
      expect(ran.stderr).toContain(says);
      expect(ran.stderr).toMatch(/^mpc_operator: [^\n]+\n$/);
    }
  });

  test('without a command shows help on stderr and exits with 2', async () => {
    const ran = await run('', modules);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('Commands:');
  });

  test('whose command fails exits with 1 and its sentence', async () => {
    expect(await run('show failure --amount 1', modules)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'mpc_operator: It is broken.\n',
    });
  });

  test('that meets a bug shows no stack unless MPC_OPERATOR_DEBUG is set', async () => {
    const plain = await run('show bug --amount 1', modules);
    expect(plain).toMatchObject({ code: 1, stdout: '' });
    expect(plain.stderr).toContain('mpc_operator: Unexpected fault: x is undefined.');
    expect(plain.stderr).not.toContain('program.test.ts');
    const debug = await run('show bug --amount 1', modules, { env: { MPC_OPERATOR_DEBUG: '1' } });
    expect(debug.stderr).toContain('program.test.ts');
  });

  test('prints text, or JSON with --json wherever it stands, bigints as decimal strings', async () => {
    expect((await run('show it --amount 21', modules)).stdout).toBe('it of 21\n');
    for (const line of ['--json show it --amount 9007199254740993', 'show it --json --amount 9007199254740993']) {
      expect(JSON.parse((await run(line, modules)).stdout)).toEqual({ what: 'it', amount: '9007199254740993' });
    }
  });

  test('names every problem of the configuration, each on a line', async () => {
    const home = mkdtempSync(join(tmpdir(), 'cli-test-'));
    mkdirSync(join(home, '.0btc-wire', 'mpc'), { recursive: true });
    const missing = await run('show config --amount 1', modules, { home });
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain(`${home}/.0btc-wire/mpc/config.json does not exist.`);
    writeFileSync(join(home, 'other.json'), '{"treshold": 2}');
    const wrong = await run('show config --amount 1 --config other.json', modules, { home });
    expect(wrong.stderr).toContain(`${home}/other.json: "treshold" (2) is not a known key. Did you mean "threshold"?`);
    expect(wrong.stderr.split('\n').every((line) => line === '' || line.startsWith('mpc_operator: '))).toBe(true);
    rmSync(home, { recursive: true });
  });
});
