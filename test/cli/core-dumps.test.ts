import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { coreDumpProblem, forbidCoreDumps } from '../../cli/core-dumps.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { LoneNode, readUntil } from './lone-node.ts';

const source = fileURLToPath(new URL('../../cli/core-dumps.ts', import.meta.url));

test('an unsealed server that crashes where core dumps are on leaves none', async () => {
  const node = await LoneNode.make();
  try {
    const server = node.serve('ulimit -c unlimited; exec "$@"', ...node.unlocking);
    await readUntil(server.stderr.getReader(), 'started');
    const limits = readFileSync(`/proc/${server.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    expect(coreDumpProblem(limits)).toBeNull();
    server.kill('SIGABRT');
    await server.exited;
    expect(server.signalCode).toBe('SIGABRT');
    expect(readdirSync(node.folder).filter((name) => name.startsWith('core'))).toEqual([]);
  } finally {
    node.close();
  }
});

describe('a process that forbade core dumps', () => {
  test('is marked as not dumpable for the kernel, and says that nothing is wrong', async () => {
    const script = `
      import { dlopen } from 'bun:ffi';
      import { coreDumpProblem, forbidCoreDumps } from ${JSON.stringify(source)};
      const { symbols } = dlopen('libc.so.6', { prctl: { args: ['int', 'u64', 'u64', 'u64', 'u64'], returns: 'int' } });
      const PR_GET_DUMPABLE = 3;
      const before = symbols.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
      console.log(JSON.stringify([before, forbidCoreDumps(), symbols.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), coreDumpProblem()]));`;
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' });
    expect(JSON.parse(await child.stdout.text())).toEqual([1, true, 0, null]);
  });
});

describe('where core dumps cannot be forbidden', () => {
  test('the process goes on', () => {
    expect(forbidCoreDumps('no-such-library.so')).toBe(false);
  });

  test('it says so with the remedy, also where the limits cannot be read', () => {
    const remedy = /^this node: core dumps are on.*LimitCORE=0.*ulimit -c 0/;
    const told = (limits: string | null) => [coreDumpProblem(limits) ?? []].flat().map(problemText).join();
    for (const soft of ['unlimited', '1024']) {
      const line = `Max core file size        ${soft}            unlimited            bytes     `;
      expect(told(`Limit  Soft Limit\n${line}\n`)).toMatch(remedy);
    }
    expect(told(null)).toMatch(remedy);
  });
});
