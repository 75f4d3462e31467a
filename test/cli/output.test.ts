import { describe, expect, test } from 'bun:test';
import { createOutput, jsonText, renderFields, renderTable } from '../../cli/output.ts';
import { printable } from '../../operator/runtime/shown-text.ts';
import { MemoryStream } from './surroundings.ts';

function output(options: { terminal?: boolean; columns?: number; env?: Record<string, string>; json?: boolean } = {}) {
  const stdout = new MemoryStream(options.terminal);
  const stderr = new MemoryStream(options.terminal);
  if (options.columns !== undefined) stderr.columns = options.columns;
  return { stdout, stderr, out: createOutput({ stdout, stderr, env: options.env ?? {}, json: options.json ?? false }) };
}

describe('a table', () => {
  const columns = [{ title: 'NAME' }, { title: 'SATS', align: 'right' }, { title: 'NOTE' }] as const;

  test('has aligned columns and no spaces at the end of a line', () => {
    expect(
      renderTable(columns, [
        ['a', '100', ''],
        ['longer', '5', 'x'],
      ]),
    ).toBe(['NAME    SATS  NOTE', 'a        100', 'longer     5  x'].join('\n'));
  });

  test('is aligned by what a terminal shows, not by code units', () => {
    const [, wide, narrow] = renderTable(
      [{ title: 'A' }, { title: 'B' }],
      [
        ['日本', 'x'],
        ['abcd', 'x'],
      ],
    ).split('\n');
    expect(Bun.stringWidth(wide ?? '')).toBe(Bun.stringWidth(narrow ?? ''));
  });

  test('lets no control character of its data reach the terminal', () => {
    const text = renderTable([{ title: 'NAME' }], [['evil\u001b[2J\nname\u202e']]);
    expect(text).toBe('NAME\nevil?[2J?name?');
    expect(renderFields([['name', '\u009b31m']])).toBe('name  ?31m');
  });
});

test('JSON carries bigints as decimal strings and leaves undefined out', () => {
  expect(JSON.parse(jsonText({ a: 2n ** 64n, b: [1n], c: undefined, d: null }))).toEqual({
    a: '18446744073709551616',
    b: ['1'],
    d: null,
  });
});

test('JSON reaches a terminal without what it would obey, and is the same JSON', () => {
  const text = jsonText({ detail: 'a\u009b31m\u202eb\u2028\u007f' });
  expect(text).toBe('{\n  "detail": "a\\u009b31m\\u202eb\\u2028\\u007f"\n}');
  expect(JSON.parse(text)).toEqual({ detail: 'a\u009b31m\u202eb\u2028\u007f' });
});

test('a result as text keeps its own lines and colours, and nothing else that a terminal obeys', () => {
  const coloured = output({ terminal: true });
  coloured.out.result(null, () => `${coloured.out.style('well', 'green')}\nevil\u001b[2J\u001b[8m\u009b\u2028\ttext`);
  expect(coloured.stdout.text).toBe('\u001b[32mwell\u001b[39m\nevil?[2J?[8m???text\n');
  const plain = output();
  plain.out.result(null, () => 'evil\u001b[31mred');
  expect(plain.stdout.text).toBe('evil?[31mred\n');
});

test('printable keeps text of any language', () => {
  expect(printable('Zürich 東京 ₿')).toBe('Zürich 東京 ₿');
});

describe('colour', () => {
  test('is used on a terminal only', () => {
    expect(output({ terminal: true }).out.style('x', 'bold', 'red')).toContain('\u001b[');
    expect(output().out.style('x', 'bold', 'red')).toBe('x');
  });

  test('is not used where NO_COLOR is set or the terminal is dumb', () => {
    expect(output({ terminal: true, env: { NO_COLOR: '1' } }).out.style('x', 'red')).toBe('x');
    expect(output({ terminal: true, env: { TERM: 'dumb' } }).out.style('x', 'red')).toBe('x');
    expect(output({ terminal: true, env: { NO_COLOR: '' } }).out.style('x', 'red')).not.toBe('x');
  });
});

describe('progress', () => {
  test('is plain lines on stderr where that is no terminal', () => {
    const { out, stdout, stderr } = output();
    const progress = out.progress();
    progress.report({ step: 'a', text: 'Waiting for\n others' });
    progress.report({ step: 'b', text: 'Done' });
    progress.stop();
    expect(stderr.text).toBe('Waiting for? others\nDone\n');
    expect(stdout.text).toBe('');
  });

  test('on a terminal leaves each step as a line', () => {
    const { out, stderr } = output({ terminal: true });
    const progress = out.progress();
    progress.report({ step: 'a', text: 'First' });
    progress.report({ step: 'b', text: 'Second' });
    progress.stop();
    const left = stderr.text.split('\n').map((line) => line.split('\r\u001b[2K').at(-1));
    expect(left).toEqual(['  First', '  Second', '']);
  });

  test('on a terminal goes on after a question came in between, and counts down', async () => {
    const { out, stderr } = output({ terminal: true });
    const progress = out.progress();
    progress.stop();
    progress.report({ step: 'a', text: 'Waiting', remaining_ms: 61_000 });
    const drawn = () => stderr.text.split('\r\u001b[2K').filter((part) => part.includes('Waiting'));
    while (drawn().length < 15) await Bun.sleep(20);
    progress.stop();
    expect(drawn()[0]).toEndWith('Waiting (1:01 left)');
    expect(drawn().some((part) => part.endsWith('Waiting (1:00 left)'))).toBeTrue();
    expect(new Set(drawn().map((part) => part[0])).size).toBeGreaterThan(5);
  });

  test('on a narrow terminal never writes a frame that wraps, and leaves the step whole', () => {
    const { out, stderr } = output({ terminal: true, columns: 40 });
    const progress = out.progress();
    const text = 'joined; waiting for operator 1 (日本.example.com), operator 2 (two.example.com)';
    progress.report({ step: 'a', text, remaining_ms: 3_600_000 });
    const frame = (stderr.text.split('\u001b[2K').at(-1) ?? '').trimEnd();
    expect(frame).toStartWith('⠋ joined; waiting');
    expect(frame).toEndWith('… (60:00 left)');
    expect(Bun.stringWidth(frame)).toBeLessThan(40);
    progress.stop();
    expect(stderr.text).toEndWith(`  ${text}\n`);
  });

  test('in a file says how long a step may take', () => {
    const { out, stderr } = output({});
    out.progress().report({ step: 'a', text: 'Waiting', remaining_ms: 3_600_000 });
    expect(stderr.text).toBe('Waiting (60:00 left)\n');
  });
});
