// Steps of the treasury line for tests: a root, a key, and the deposits, strays and burns that steps are made of. What a
// test does not name is made right, the surplus too.
import fc from 'fast-check';
import {
  type BuiltLine,
  buildLine,
  compareBurns,
  type LineRoot,
  type LineTerms,
  rootSurplus,
  surplusAfter,
} from '../../chain/line.ts';
import type { LineBurn, LineIntent, SweptOutput } from '../../chain/line-intent.ts';
import { scriptAddress } from '../../chain/network.ts';
import { compareOutpoints, outpointName } from '../../chain/outpoint.ts';
import { concat, fromHex, toHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { singleSigner } from './single-signer.ts';

export const signer = singleSigner(5);
export const { groupKey } = signer;

/** A number as a txid, a key id or a nullifier. */
export const hash = (n: number, first = '0'): string => first + n.toString(16).padStart(63, '0');

export const root: LineRoot = { network: 'regtest', keyId: hash(1, 'a'), txid: hash(1), vout: 0, amount: 2_000_000n };
export const terms: LineTerms = { network: 'regtest', keyId: root.keyId, groupKey, root };

/** The regtest address of a script; throws where there is none. */
export function addressOf(script: Uint8Array): string {
  const address = scriptAddress(script, 'regtest');
  if (address === null) throw new Error('the script has no address');
  return address;
}

/** The treasury script of another key: 34 bytes, P2TR. */
export const otherScript = (seed: number): Uint8Array =>
  custodyScript(singleSigner(seed).groupKey, { kind: 'treasury' }).scriptPubKey;

export const ADDRESS = addressOf(otherScript(9));
export const OTHER_ADDRESS = addressOf(otherScript(10));

export const deposit = (n: number, amount: bigint): SweptOutput => ({
  ...{ txid: hash(n, 'd'), vout: n, amount },
  leaf: { kind: 'deposit', recipient: fromHex(hash(n, '7')) },
});
export const stray = (n: number, amount: bigint): SweptOutput => ({
  ...{ txid: hash(n, 'e'), vout: 0, amount },
  leaf: { kind: 'treasury' },
});
export const burn = (n: number, amount = 50_000n, fee = 1_000n, address = ADDRESS): LineBurn => ({
  ...{ burnTxid: hash(n, 'b'), nullifier: hash(n, 'c') },
  ...{ address, amount, fee },
});

/** A step of these parts upon the root, or upon a step that left `before` sats of surplus. */
export function stepOf(parts: Partial<LineIntent> & Pick<LineIntent, 'step'>, before = rootSurplus(root)): LineIntent {
  const { txid, vout, amount } = root;
  const rest = { test: false, treasury: { txid, vout, amount }, swept: [], burns: [], destination: null, fee: 400n };
  const intent = { ...rest, surplus: 0n, ...parts };
  return { ...intent, surplus: parts.surplus ?? surplusAfter(before, intent) };
}

/** One step of each kind that the form allows. */
export const steps: Readonly<Record<LineIntent['step'], LineIntent>> = {
  payout: stepOf({
    step: 'payout',
    swept: [deposit(1, 70_000n), stray(2, 30_000n)],
    burns: [burn(1), burn(2, 60_000n, 1_500n, OTHER_ADDRESS)],
  }),
  sweep: stepOf({ step: 'sweep', swept: [deposit(1, 70_000n), deposit(2, 5_000n)] }),
  consolidate: stepOf({ step: 'consolidate', destination: { script: otherScript(11), amount: 500_000n } }),
  void: stepOf({ step: 'void' }),
};

/** A step that is well-formed. */
export function built(intent: LineIntent, on: LineTerms = terms): BuiltLine {
  const verdict = buildLine(on, intent);
  if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
  return verdict.built;
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyHash = bytes(32).map(toHex);
const address = fc
  .oneof(
    bytes(20).map((program) => concat(Uint8Array.of(0x00, 20), program)),
    bytes(32).map((program) => concat(Uint8Array.of(0x00, 32), program)),
    bytes(20).map((program) => concat(Uint8Array.of(0x76, 0xa9, 20), program, Uint8Array.of(0x88, 0xac))),
    bytes(20).map((program) => concat(Uint8Array.of(0xa9, 20), program, Uint8Array.of(0x87))),
    fc.nat(1000).map(otherScript),
  )
  .map(addressOf);
const leaf = fc.oneof(
  bytes(32).map((recipient) => ({ kind: 'deposit' as const, recipient })),
  fc.constant({ kind: 'treasury' as const }),
);
const swept = (minLength: number) =>
  fc
    .uniqueArray(fc.record({ txid: anyHash, vout: fc.nat(5), amount: fc.bigInt(300n, 6_000_000n), leaf }), {
      ...{ minLength, maxLength: 8 },
      selector: outpointName,
    })
    .map((all) => all.sort(compareOutpoints));
const burns = fc
  .uniqueArray(
    fc.record({
      ...{ burnTxid: anyHash, nullifier: anyHash, address },
      ...{ amount: fc.bigInt(10_000n, 100_000n), fee: fc.bigInt(0n, 9_000n) },
    }),
    { minLength: 1, maxLength: 8, selector: ({ burnTxid }) => burnTxid },
  )
  .map((all) => all.sort(compareBurns));
const common = { test: fc.boolean(), fee: fc.bigInt(0n, 50_000n) };

/** Any step upon the root that the form allows. */
export const anyStep: fc.Arbitrary<LineIntent> = fc.oneof(
  fc.record({ step: fc.constant('payout' as const), swept: swept(0), burns, ...common }).map((parts) => stepOf(parts)),
  fc.record({ step: fc.constant('sweep' as const), swept: swept(1), ...common }).map((parts) => stepOf(parts)),
  fc.record({ step: fc.constant('void' as const), ...common }).map((parts) => stepOf(parts)),
  fc
    .record({
      step: fc.constant('consolidate' as const),
      swept: swept(0),
      amount: fc.bigInt(1_000n, 900_000n),
      ...common,
    })
    .map(({ amount, ...parts }) => stepOf({ ...parts, destination: { script: otherScript(11), amount } })),
);
