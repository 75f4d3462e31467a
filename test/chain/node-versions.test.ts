import { expect, test } from 'bun:test';
import { readNodeVersions } from '../../chain/node-versions.ts';
import { type BitcoinRpc, BitcoinRpcError, readResult } from '../../chain/rpc.ts';

function nodeThat(label: string, answer: unknown): BitcoinRpc {
  return {
    label,
    batch: async () => [],
    call: async (_method, _params, schema) => {
      if (answer instanceof Error) throw answer;
      return readResult(schema, answer, label);
    },
  };
}

test('each node says what it runs, and one that does not tell keeps no other back', async () => {
  const nodes = [
    nodeThat('a:1', { version: 240_001, subversion: '/Satoshi:24.0.1/', connections: 8 }),
    nodeThat('b:2', new BitcoinRpcError('forbidden', 'b:2 does not allow it')),
    nodeThat('c:3', { version: 'new' }),
  ];
  const versions = await readNodeVersions(nodes);
  expect(versions.map(({ node, version }) => [node, version])).toEqual([
    ['a:1', 240_001],
    ['b:2', null],
    ['c:3', null],
  ]);
  expect(versions.map(({ name }) => name).slice(0, 2)).toEqual(['/Satoshi:24.0.1/', 'b:2 does not allow it']);
});
