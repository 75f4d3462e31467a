import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

const mainPath = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const LINES = 200_000;

/** Starts a process whose one command is `word`, which runs `body` with `context` in reach; `before` starts it. */
function start(body: string, before: readonly string[] = []) {
  const script = `
    import { main } from ${JSON.stringify(mainPath)};
    await main([{ register(program, context) { program.command('word').action(async () => { ${body} }); } }]);
  `;
  // The word `-` takes the place of the script's path in argv.
  return Bun.spawn([...before, process.execPath, '-e', script, '-', 'word'], {
    stdout: 'pipe',
    stderr: 'pipe',
    stdin: 'ignore',
  });
}

test('a reader that closes its pipe early ends the process quietly', async () => {
  const child = start(`for (let i = 0; i < ${LINES}; i++) context.surroundings.stdout.write('line ' + i + '\\n');`);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  expect({ code: await child.exited, stderr: await child.stderr.text() }).toEqual({ code: 0, stderr: '' });
});

test('a slow reader gets everything before the process ends', async () => {
  const child = start(`context.output.result({ text: 'x'.repeat(3_000_000) }, () => 'y'.repeat(3_000_000));`);
  expect(await child.stdout.text()).toBe(`${'y'.repeat(3_000_000)}\n`);
  expect(await child.exited).toBe(0);
});

test('the first Ctrl-C asks the command to end', async () => {
  const child = start(`
    const asked = new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    context.output.note('waiting');
    await asked;
    context.output.result(null, () => 'ended in order');
  `);
  const reader = child.stderr.getReader();
  await reader.read();
  child.kill('SIGINT');
  expect(await child.stdout.text()).toBe('ended in order\n');
  expect(await child.exited).toBe(0);
});

test('the second Ctrl-C ends a command that does not', async () => {
  const child = start(`
    setInterval(() => {}, 1000);
    context.signal.addEventListener('abort', () => context.output.note('asked'));
    context.output.note('waiting');
    await new Promise(() => {});
  `);
  const reader = child.stderr.getReader();
  await reader.read();
  child.kill('SIGINT');
  await reader.read();
  child.kill('SIGINT');
  expect(await child.exited).toBe(1);
});

describe('a terminal that is closed (SIGHUP)', () => {
  const answering = `
    process.on('SIGUSR2', () => context.output.note('asked: ' + context.signal.aborted));
    context.signal.addEventListener('abort', () => context.output.note('ends in order'));
    context.output.note('waiting');
    await new Promise(() => { setInterval(() => {}, 1000); });
  `;

  /** A started child, and what it says next after a signal. */
  async function waiting(before: readonly string[]) {
    const child = start(answering, before);
    const reader = child.stderr.getReader();
    const next = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe('waiting\n');
    const answer = (signal: NodeJS.Signals): Promise<string> => {
      child.kill(signal);
      return next();
    };
    return { child, answer };
  }

  test('asks the command to end, and never ends it at once, however often the signal comes', async () => {
    const { child, answer } = await waiting([]);
    expect(await answer('SIGHUP')).toBe('ends in order\n');
    child.kill('SIGHUP');
    for (let asked = 0; asked < 2; asked++) expect(await answer('SIGUSR2')).toBe('asked: true\n');
    child.kill('SIGKILL');
  });

  test('is nothing to a command that was started to outlive it (nohup)', async () => {
    const { child, answer } = await waiting(['nohup']);
    child.kill('SIGHUP');
    for (let asked = 0; asked < 2; asked++) expect(await answer('SIGUSR2')).toBe('asked: false\n');
    child.kill('SIGKILL');
  });
});
