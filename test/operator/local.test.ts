// Commands that run in a process of their own, where no server runs or one is just starting.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { runLocally } from '../../operator/local.ts';
import type { CommandName, CommandParams } from '../../operator/runtime/command-types.ts';
import { openStore } from '../../store/open.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

let nodes: SetUpNodes;
let config: OperatorConfig;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  config = await nodes.init(0);
});
afterEach(() => nodes.close());

function locally<C extends CommandName>(command: C, params: CommandParams<C>) {
  const signal = new AbortController().signal;
  const passphrase = async () => PASSPHRASE;
  return runLocally(nodes.inputOf(config), command, params, {
    ...{ progress: () => {}, signal, passphrase, passphraseIfAny: passphrase },
  });
}

describe('a command that only reads', () => {
  const page = { limit: 50, offset: 0 };
  const commands: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['status', () => locally('status', {})],
    ['key-info', () => locally('key-info', {})],
    ['peer-list', () => locally('peer-list', {})],
    ['ceremony-list', () => locally('ceremony-list', {})],
    ['treasury', () => locally('treasury', {})],
    ['service-status', () => locally('service-status', {})],
    ['requests-list', () => locally('requests-list', page)],
    ['deposits', () => locally('deposits', page)],
    ['withdrawals', () => locally('withdrawals', page)],
  ];
  for (const [name, run] of commands) {
    test(`${name} runs beside a process that writes the database, and leaves it free for one that starts`, async () => {
      const server = openStore(config.securityDbPath);
      const refusal = await run().then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : error),
      );
      server.close();
      // Without a key there is no treasury to tell of; that too is the command's own answer.
      expect(refusal ?? 'no key').not.toContain('another process');
      const running = run().catch(() => null);
      openStore(config.securityDbPath).close();
      await running;
    });
  }

  test('status says of a server that has its files open and answers nobody yet that it is starting, not that none runs', async () => {
    const server = openStore(config.securityDbPath);
    const starting = await locally('status', {});
    server.close();
    const codes = ({ problems }: typeof starting) => problems.map(({ code }) => code);
    expect(codes(starting)).toContain('starting');
    expect(codes(starting)).not.toContain('not_running');
    const ended = await locally('status', {});
    // The database was written last when the server ended.
    const since = ended.problems.find(({ code }) => code === 'not_running')?.since ?? '';
    expect(Date.parse(since)).toBeLessThanOrEqual(Date.parse(ended.started_at));
    expect(codes(ended)).toContain('not_running');
    expect(codes(ended)).not.toContain('starting');
  });

  test('before there is a database makes one, as it always did', async () => {
    const { rmSync } = await import('node:fs');
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${config.securityDbPath}${suffix}`, { force: true });
    expect((await locally('status', {})).sealed).toBeTrue();
  });
});
