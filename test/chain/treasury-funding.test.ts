import { describe, expect, test } from 'bun:test';
import { parseBlock } from '../../chain/block.ts';
import { ROOT_SATS_MIN } from '../../chain/line.ts';
import { firstFunding } from '../../chain/treasury-funding.ts';
import { concat } from '../../crypto/bytes.ts';
import { type ChainTransaction, SimulatedChain } from '../../simulation/chain.ts';

const treasury = concat(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(7));
const other = concat(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(8));
const outside = (fill: string, vout = 0) => ({ txid: fill.repeat(32), vout });

function fundingIn(send: (chain: SimulatedChain) => readonly ChainTransaction[]) {
  const chain = new SimulatedChain();
  const sent = send(chain);
  const { raw } = chain.mine(() => true);
  return { funding: firstFunding(parseBlock(raw).transactions, treasury), sent };
}

describe('what funds the treasury', () => {
  test('is the first output that pays its script enough, with what its transaction spends', () => {
    const { funding, sent } = fundingIn((chain) => [
      chain.send([outside('a1')], [{ script: other, amount: 50_000n }]),
      chain.send(
        [outside('b1'), outside('b2', 3)],
        [
          { script: treasury, amount: ROOT_SATS_MIN - 1n },
          { script: treasury, amount: ROOT_SATS_MIN },
          { script: treasury, amount: 70_000n },
        ],
      ),
      chain.send([outside('c1')], [{ script: treasury, amount: 90_000n }]),
    ]);
    const inputs = [outside('b1'), outside('b2', 3)];
    expect(funding).toEqual({ txid: sent[1]?.txid ?? '', vout: 1, amount: ROOT_SATS_MIN, inputs });
  });

  test('is nothing where no output pays the script enough', () => {
    const { funding } = fundingIn((chain) => [
      chain.send([outside('a1')], [{ script: treasury, amount: ROOT_SATS_MIN - 1n }]),
      chain.send([outside('b1')], [{ script: other, amount: 90_000n }]),
    ]);
    expect(funding).toBeNull();
  });
});
