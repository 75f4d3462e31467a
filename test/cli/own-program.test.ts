import { expect, test } from 'bun:test';
import { ownProgram } from '../../cli/own-program.ts';

test('the executable starts itself, and the sources are started by the runtime, whatever its file is called', () => {
  expect(ownProgram(true, '/usr/local/bin/mpc_operator', '/$bunfs/root/mpc_operator')).toEqual([
    '/usr/local/bin/mpc_operator',
  ]);
  for (const runtime of ['/usr/bin/bun', '/app/node_modules/bun/bin/bun.exe', '/opt/runtime']) {
    expect(ownProgram(false, runtime, '/app/server.ts')).toEqual([runtime, '/app/server.ts']);
  }
  // This very process is no executable of ours.
  expect(ownProgram()).toEqual([process.execPath, Bun.main]);
});
