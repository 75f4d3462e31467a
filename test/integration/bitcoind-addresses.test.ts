// What addressScript pays is what a real bitcoind relays: every witness version, with Bitcoin Core's relay policy and with
// the build's own, which is stricter where it is Bitcoin Knots.
import { expect, test } from 'bun:test';
import { bech32m } from '@scure/base';
import { z } from 'zod';
import { addressScript } from '../../chain/network.ts';
import { toHex } from '../../crypto/bytes.ts';
import { REGTEST_START_TIMEOUT_MS, startFundedRegtest } from './regtest.ts';

const VERSIONS = Array.from({ length: 16 }, (_, i) => i + 1);
const validated = z.object({ isvalid: z.boolean(), scriptPubKey: z.string().optional() });

for (const corePolicy of [true, false]) {
  test(
    `outputs of witness versions 1 to 16 are relayed with ${corePolicy ? "Bitcoin Core's policy" : "the build's own"}`,
    async () => {
      const { node, wallet } = await startFundedRegtest({ corePolicy, flags: ['-acceptnonstdtxn=0'] });
      try {
        for (const version of VERSIONS) {
          for (const length of [2, 20, 32]) {
            const program = new Uint8Array(length).fill(0xff);
            const address = bech32m.encode('bcrt', [version, ...bech32m.toWords(program)]);
            const verdict = addressScript(address, 'regtest');
            const told = await node.rpc.call('validateaddress', [address], validated);
            expect(verdict.ok && toHex(verdict.script)).toBe(told.scriptPubKey ?? 'no address');
            const { txid } = await wallet.send(address, 100_000n);
            expect(await node.rpc.call('getrawmempool', [], z.array(z.string()))).toContain(txid);
            await node.mine(1);
          }
        }
      } finally {
        await node.stop();
      }
    },
    REGTEST_START_TIMEOUT_MS,
  );
}

test(
  'a script over 34 bytes is not paid, for the build of Bitcoin Knots does not relay it',
  async () => {
    const { node, wallet } = await startFundedRegtest({ corePolicy: false, flags: ['-acceptnonstdtxn=0'] });
    try {
      const address = bech32m.encode('bcrt', [2, ...bech32m.toWords(new Uint8Array(33).fill(0xff))]);
      expect(addressScript(address, 'regtest').ok).toBeFalse();
      const { txid } = await wallet.send(address, 100_000n);
      const { subversion } = await node.rpc.call('getnetworkinfo', [], z.object({ subversion: z.string() }));
      const pool = await node.rpc.call('getrawmempool', [], z.array(z.string()));
      expect(pool.includes(txid)).toBe(!subversion.includes('Knots'));
    } finally {
      await node.stop();
    }
  },
  REGTEST_START_TIMEOUT_MS,
);
