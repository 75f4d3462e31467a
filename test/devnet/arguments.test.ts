// The devnet's command line: defaults, and the federation's rules told before anything is started.
import { describe, expect, test } from 'bun:test';
import { readArguments } from '../../devnet/arguments.ts';

function read(...args: string[]) {
  const [stdout, stderr] = [stream(), stream()];
  const verdict = readArguments(args, stdout, stderr);
  return { verdict, out: stdout.written.join(''), err: stderr.written.join('') };
}

function stream() {
  const written: string[] = [];
  return { written, write: (text: string) => written.push(text) };
}

describe('devnet arguments', () => {
  test('without arguments, three operators of which two sign stay up and print text', () => {
    const options = { parties: 3, threshold: 2, once: false, json: false, keep: false };
    expect(read()).toEqual({ verdict: { ok: true, options }, out: '', err: '' });
  });

  test('the threshold defaults to the smallest that two groups cannot both reach', () => {
    for (const [parties, threshold] of [
      [2, 2],
      [4, 3],
      [5, 3],
      [64, 33],
    ]) {
      expect(read('--parties', `${parties}`).verdict).toMatchObject({ ok: true, options: { parties, threshold } });
    }
  });

  test('every flag is taken', () => {
    const { verdict } = read('--parties', '5', '--threshold', '4', '--once', '--json', '--keep');
    const options = { parties: 5, threshold: 4, once: true, json: true, keep: true };
    expect(verdict).toEqual({ ok: true, options });
  });

  test.each([
    [['--parties', '4', '--threshold', '2'], '--threshold 2 of 4 lets two groups of 2 sign'],
    [['--parties', '3', '--threshold', '4'], '--threshold 4 is more than the 3 operators there are'],
    [['--parties', '1'], '--parties "1" is not a whole number of operators from 2 to 64'],
    [['--parties', '65'], '--parties "65" is not a whole number of operators from 2 to 64'],
    [['--parties', '3.5'], '--parties "3.5" is not a whole number'],
    [['--threshold', '1'], '--threshold "1" is not a whole number'],
    [['--threshold', '-2'], '--threshold "-2" is not a whole number'],
    [['--parties'], "option '--parties <n>' argument missing"],
    [['--twice'], "unknown option '--twice'"],
    [['once'], 'too many arguments'],
  ])('%p is refused with exit code 2 and one sentence on stderr', (args, sentence) => {
    const { verdict, out, err } = read(...args);
    expect(verdict).toEqual({ ok: false, exitCode: 2 });
    expect(err).toStartWith('devnet: ');
    expect(err).toContain(sentence);
    expect(err.trimEnd()).not.toContain('\n');
    expect(out).toBe('');
  });

  test('--help shows every flag and examples, with exit code 0', () => {
    const { verdict, out, err } = read('--help');
    expect(verdict).toEqual({ ok: false, exitCode: 0 });
    for (const flag of ['--parties', '--threshold', '--once', '--json', '--keep', 'npm run devnet --']) {
      expect(out).toContain(flag);
    }
    expect(err).toBe('');
  });
});
