import { describe, expect, test } from 'bun:test';
import { CliContext } from '../../cli/context.ts';
import { CliError } from '../../cli/errors.ts';
import { confirmPrompt, secretPrompt } from '../../cli/prompt.ts';
import { MemoryInput, MemoryStream } from './surroundings.ts';

/** What a person who types `keys` has entered; null where they gave up. */
async function typed(...keys: readonly string[]) {
  const input = new MemoryInput(true);
  const stderr = new MemoryStream(true);
  const prompt = secretPrompt(input, stderr);
  if (prompt === null) throw new Error('no prompt on a terminal');
  const asked = prompt('Passphrase');
  const chunks = keys.map((part) => input.type(part));
  const secret = await asked;
  const text = secret === null ? null : new TextDecoder().decode(secret);
  return { text, input, chunks, shown: stderr.text, length: secret?.length };
}

describe('a prompt for a secret', () => {
  test('takes a line, in one piece or key by key', async () => {
    expect((await typed('open sesame\r')).text).toBe('open sesame');
    expect((await typed('o', 'p', 'e', 'n', '\n')).text).toBe('open');
    expect((await typed('\r')).text).toBe('');
  });

  test('shows the question and nothing of the answer', async () => {
    expect((await typed('open sesame\r')).shown).toBe('Passphrase: \n');
  });

  test('hides what is typed before it shows the question: whoever types at once is not seen either', async () => {
    const input = new MemoryInput(true);
    const hiddenAt: [text: string, isHidden: boolean][] = [];
    const stderr = { isTTY: true, write: (text: string) => hiddenAt.push([text, input.rawModes.at(-1) === true]) };
    const asked = secretPrompt(input, stderr)?.('Passphrase');
    input.type('open sesame\r');
    await asked;
    expect(hiddenAt).toEqual([
      ['Passphrase: ', true],
      ['\n', false],
    ]);
  });

  test('understands backspace, whole characters at a time, and Ctrl-U', async () => {
    expect((await typed('abc\u007f\u007fd\r')).text).toBe('ad');
    expect((await typed('a€\u007fb\r')).text).toBe('ab');
    expect((await typed('\u007fa\r')).text).toBe('a');
    expect((await typed('wrong\u0015right\r')).text).toBe('right');
  });

  test('ignores cursor keys', async () => {
    expect((await typed('ab', '\u001b[D', 'c\r')).text).toBe('abc');
  });

  test('is given up by Ctrl-C, or by Ctrl-D on an empty line', async () => {
    expect((await typed('abc\u0003')).text).toBeNull();
    expect((await typed('\u0004')).text).toBeNull();
    expect((await typed('abc\u0004')).text).toBe('abc');
  });

  test('returns more than the limit as more than the limit, so that it is refused and not cut', async () => {
    expect((await typed(`${'x'.repeat(5000)}\r`)).length).toBe(1025);
  });

  test('zeroes what was typed, restores the terminal and lets go of it', async () => {
    const { chunks, input } = await typed('open', ' sesame\r');
    expect(chunks.every((chunk) => chunk.every((byte) => byte === 0))).toBe(true);
    expect(input.rawModes).toEqual([true, false]);
    expect(input.listenerCount('data') + input.listenerCount('end')).toBe(0);
  });

  test('ends at the first signal, gives nothing, restores the terminal and lets go of it', async () => {
    const input = new MemoryInput(true);
    const stop = new AbortController();
    const prompt = secretPrompt(input, new MemoryStream(true), stop.signal);
    if (prompt === null) throw new Error('no prompt on a terminal');
    const asked = prompt('Passphrase');
    const typed = input.type('open ses');
    stop.abort();
    expect(await asked).toBeNull();
    expect(typed.every((byte) => byte === 0)).toBe(true);
    expect(input.rawModes).toEqual([true, false]);
    expect(input.listenerCount('data') + input.listenerCount('end')).toBe(0);
    expect(await prompt('The same again')).toBeNull();
  });

  test('that a signal ends stops the command, which goes on with nothing', async () => {
    const stdin = new MemoryInput(true);
    const stop = new AbortController();
    const paths = { home: '/nowhere', workingDirectory: '/nowhere', env: {} };
    const streams = { stdin, stdout: new MemoryStream(true), stderr: new MemoryStream(true) };
    const context = new CliContext({ paths, ...streams, signal: stop.signal });
    const asked = context.passphrase({}, 'create');
    stdin.type('correct horse battery');
    stop.abort();
    expect(await asked.catch((error: unknown) => error)).toEqual(new CliError('Stopped.'));
  });

  test('does not exist where input or stderr is no terminal', () => {
    expect(secretPrompt(new MemoryInput(false), new MemoryStream(true))).toBeNull();
    expect(secretPrompt(new MemoryInput(true), new MemoryStream(false))).toBeNull();
  });
});

describe('a question for a yes', () => {
  async function answered(...keys: readonly string[]) {
    const input = new MemoryInput(true);
    const stderr = new MemoryStream(true);
    const agreed = confirmPrompt(input, stderr)?.('Enable the service?');
    for (const part of keys) input.type(part);
    if (keys.length === 0) input.emit('end');
    return { yes: await agreed, shown: stderr.text, left: input.listenerCount('data') + input.listenerCount('end') };
  }

  test('is agreed to by the whole word alone', async () => {
    expect((await answered('yes\n')).yes).toBeTrue();
    expect((await answered('ye', 's\r')).yes).toBeTrue();
    for (const word of ['y\n', '\n', 'no\n', 'yes please\n']) expect((await answered(word)).yes).toBeFalse();
  });

  test('is refused by the end of the input, and lets go of the terminal', async () => {
    expect(await answered()).toEqual({ yes: false, shown: 'Enable the service? Type yes to go on: ', left: 0 });
  });

  test('is put to nobody where there is no terminal', () => {
    expect(confirmPrompt(new MemoryInput(false), new MemoryStream(true))).toBeNull();
    expect(confirmPrompt(new MemoryInput(true), new MemoryStream(false))).toBeNull();
  });

  test('ends as a no when the program is told to end, also with yes typed and not entered', async () => {
    const input = new MemoryInput(true);
    const stop = new AbortController();
    const agreed = confirmPrompt(input, new MemoryStream(true), stop.signal)?.('Enable?');
    input.type('yes');
    stop.abort();
    expect(await agreed).toBeFalse();
  });
});
