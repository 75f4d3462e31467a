// What is said about Bitcoin nodes, and how a fork raises the confirmations until it is over.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  confirmationsInForce,
  FORK_SETTLE_BLOCKS_DEFAULT,
  type ForkState,
  followFork,
} from '../../chain/fork-state.ts';
import {
  chainHealth,
  MAINNET_HEALTH_LIMITS,
  type NodeReport,
  type NodeReports,
  stopped,
  type TipVerdict,
} from '../../chain/tips.ts';

const NOW = 1_800_000_000;
const tip = (height: number, hash = `${height}`) => ({ height, hash });

type Answering = Extract<NodeReport, { ok: true }>;
const up = (node: string, changes: Partial<Answering> = {}): Answering => {
  const at = changes.tip ?? tip(100);
  const usual = { time: NOW - 600, syncing: false, headers: at.height };
  return { ok: true, node, tip: at, ...usual, index: told(at.height), feeRate: told(5_000n), ...changes };
};
/** What a node tells, and what it tells in place of an answer. */
const told = <T>(value: T) => ({ ok: true, value }) as const;
const untold = (detail: string) => ({ ok: false, detail }) as const;
const down = (node: string, fault: Extract<NodeReport, { ok: false }>['fault'] = 'unreachable'): NodeReport => ({
  ok: false,
  node,
  fault,
  detail: `${node}: ECONNREFUSED`,
});

function health(
  nodes: readonly NodeReport[],
  comparison: NodeReports['comparison'] = { agreed: tip(100), fork: null },
) {
  return chainHealth({ nodes, comparison }, MAINNET_HEALTH_LIMITS, NOW);
}
const names = (nodes: readonly NodeReport[]) =>
  health(nodes).problems.map(({ problem, node }) => (node === null ? problem : `${problem} ${node}`));

describe('the health of the nodes', () => {
  test('is without problems where all agree and are up to date', () => {
    expect(health([up('a'), up('b', { tip: tip(101) })])).toEqual({ tip: { state: 'ok', ...tip(100) }, problems: [] });
  });

  test('mentions other nodes only if there are others', () => {
    const details = (nodes: readonly NodeReport[]) =>
      health(nodes)
        .problems.map(({ detail }) => detail)
        .join(' ');
    expect(details([down('a')])).toContain('There is no other node to use instead.');
    expect(details([down('a')])).not.toContain('other nodes');
    expect(details([up('a'), up('b'), down('c')])).toContain(
      'This node uses the others as long as they are a majority.',
    );
  });

  test('tells a node that refuses the RPC credentials, or to which there are none, from one that does not answer', () => {
    const named = (fault: Parameters<typeof down>[1]) =>
      health([up('a'), up('b'), down('c', fault)]).problems[0]?.problem;
    expect(named('unauthorized')).toBe('node_credentials');
    expect(named('credentials_unreadable')).toBe('node_credentials');
    expect(named('timeout')).toBe('node_unavailable');
  });

  test('goes on with a majority and stops everything without one', () => {
    const two = health([up('a'), up('b'), down('c')]);
    expect(two.tip.state).toBe('ok');
    expect(two.problems.map(({ problem, node }) => [problem, node])).toEqual([['node_unavailable', 'c']]);
    expect([...stopped(two)]).toEqual([]);
    const one = health([up('a'), down('b'), down('c')]);
    expect(one.tip).toEqual({ state: 'unavailable', detail: expect.stringContaining('1 of 3') });
    expect([...stopped(one)].toSorted()).toEqual(['attestations', 'fee_estimates', 'history', 'payouts', 'scan']);
    expect(health([up('a'), down('b')]).tip.state).toBe('unavailable');
  });

  test('does not count a node that is syncing', () => {
    const nodes = [up('a'), up('b', { syncing: true, tip: tip(20), headers: 100 })];
    expect(health(nodes).tip.state).toBe('unavailable');
    expect(names([...nodes, up('c')])).toEqual(['node_syncing b']);
    expect(health(nodes).problems.find(({ node }) => node === 'b')?.detail).toContain('block 20 of 100');
  });

  test('names a node on another network and stops everything, whatever the majority says', () => {
    const found = health([up('a'), up('b'), down('c', 'wrong_network')]);
    expect(found.problems.map(({ problem }) => problem)).toEqual(['wrong_network']);
    expect(stopped(found).has('attestations')).toBe(true);
  });

  test('names a fork with its height and the tips, and goes on with what lies below', () => {
    const fork = {
      height: 99,
      tips: [
        { node: 'a', ...tip(100, 'x') },
        { node: 'b', ...tip(101, 'y') },
      ],
    };
    const found = health([up('a'), up('b')], { agreed: tip(98), fork });
    expect(found.tip).toMatchObject({ state: 'fork', height: 99, agreed: tip(98) });
    expect(found.problems).toMatchObject([{ problem: 'fork', stops: [] }]);
    expect(found.problems[0]?.detail).toContain('from height 99 on: a is at 100 with x, b is at 101 with y');
    const deep = health([up('a'), up('b')], { agreed: null, fork });
    expect(stopped(deep).has('payouts')).toBe(true);
  });

  test('stops signing where no majority has a fresh block, and only names a single stale node', () => {
    const stale = { time: NOW - 7_201 };
    expect(names([up('a'), up('b'), up('c', stale)])).toEqual(['stale_tip c']);
    expect([...stopped(health([up('a'), up('b'), up('c', stale)]))]).toEqual([]);
    const most = health([up('a'), up('b', stale), up('c', stale)]);
    expect([...stopped(most)]).toEqual(['attestations', 'payouts']);
    expect(most.problems[0]?.detail).toContain('120 minutes old');
    expect(names([up('a', { time: NOW - 7_200 })])).toEqual([]);
    const regtest = { ...MAINNET_HEALTH_LIMITS, tipAgeSecondsMax: null };
    const comparison = { agreed: tip(100), fork: null };
    expect(chainHealth({ nodes: [up('a', { time: 0 })], comparison }, regtest, NOW).problems).toEqual([]);
  });

  test('names a node that fell behind the others', () => {
    expect(names([up('a'), up('b', { tip: tip(98) })])).toEqual([]);
    expect(names([up('a'), up('b', { tip: tip(97) })])).toEqual(['node_behind b']);
  });

  test('names a missing index and one that fell behind, and what waits for it', () => {
    expect(names([up('a', { index: told(null) })])).toEqual(['index_missing a']);
    expect(names([up('a', { index: told(97) })])).toEqual(['index_behind a']);
    expect(names([up('a', { index: told(98) })])).toEqual([]);
    expect([...stopped(health([up('a', { index: told(97) })]))]).toEqual(['history']);
  });

  test('names a node that does not report its index, which stops only what needs the index', () => {
    const one = health([up('a', { index: untold('a: getindexinfo: Method not found') })]);
    expect(one.problems).toMatchObject([{ problem: 'index_unknown', node: 'a' }]);
    expect(one.problems[0]?.detail).toContain('Method not found');
    expect([...stopped(one)]).toEqual(['history']);
  });

  test('names a fee estimate that a node does not give, which stops estimates where no other node gives one', () => {
    const without = up('a', { feeRate: untold('a: estimatesmartfee: Fee estimation disabled') });
    expect(names([without])).toEqual(['fee_estimate_missing a']);
    expect([...stopped(health([without]))]).toEqual(['fee_estimates']);
    expect(names([without, up('b')])).toEqual(['fee_estimate_missing a']);
    expect([...stopped(health([without, up('b')]))]).toEqual([]);
  });

  test('names a node with too little data for an estimate on mainnet; on a test network nobody bids', () => {
    const young = { nodes: [up('a', { feeRate: told(null) })], comparison: { agreed: tip(100), fork: null } };
    const mainnet = chainHealth(young, MAINNET_HEALTH_LIMITS, NOW);
    expect(mainnet.problems).toMatchObject([{ problem: 'fee_estimate_missing', stops: ['fee_estimates'] }]);
    const elsewhere = chainHealth(young, { ...MAINNET_HEALTH_LIMITS, needsEstimate: false }, NOW);
    expect(elsewhere.problems).toEqual([]);
  });

  test('names an absurd fee estimate on either side, and none that is sane', () => {
    expect(names([up('a', { feeRate: told(99n) })])).toEqual(['fee_absurd a']);
    expect(names([up('a', { feeRate: told(3_000_001n) })])).toEqual(['fee_absurd a']);
    expect(names([up('a', { feeRate: told(100n) }), up('b', { feeRate: told(3_000_000n) })])).toEqual([]);
    expect([...stopped(health([up('a', { feeRate: told(0n) })]))]).toEqual(['fee_estimates']);
  });
});

describe('a fork', () => {
  const agreedAt = (height: number): TipVerdict => ({ state: 'ok', ...tip(height) });
  const forkAt = (height: number): TipVerdict => ({ state: 'fork', height, agreed: tip(height - 1), detail: '' });
  const away: TipVerdict = { state: 'unavailable', detail: '' };
  const after = (verdicts: readonly TipVerdict[], settle = 3) =>
    verdicts.reduce<ForkState>((state, verdict, at) => followFork(state, { kind: 'tips', verdict }, settle, at), {
      state: 'agreed',
    });
  const need = (verdicts: readonly TipVerdict[]) => confirmationsInForce(after(verdicts), 6, 12);

  test('raises the confirmations at once and keeps them up until the nodes agree for some blocks', () => {
    expect(need([agreedAt(10)])).toBe(6);
    expect(need([agreedAt(10), forkAt(11)])).toBe(12);
    expect(need([forkAt(11), agreedAt(12)])).toBe(12);
    expect(need([forkAt(11), agreedAt(12), agreedAt(14)])).toBe(12);
    expect(need([forkAt(11), agreedAt(12), agreedAt(15)])).toBe(6);
  });

  test('begins again when the nodes differ again, and remembers where it began', () => {
    const verdicts = [forkAt(11), agreedAt(12), forkAt(13), agreedAt(14), agreedAt(16)];
    expect(after(verdicts)).toEqual({ state: 'forked', at: 0, height: 11, agreedFrom: 14 });
    expect(need([...verdicts, agreedAt(17)])).toBe(6);
  });

  test('is neither ended nor begun by nodes that do not answer', () => {
    expect(after([away])).toEqual({ state: 'agreed' });
    expect(after([forkAt(11), agreedAt(12), away])).toEqual(after([forkAt(11), agreedAt(12)]));
  });

  test('is also seen in a reorg that the scan met, if it is deeper than one block', () => {
    const reorg = (depth: number) => followFork({ state: 'agreed' }, { kind: 'reorg', height: 50, depth }, 3, 7);
    expect(reorg(1)).toEqual({ state: 'agreed' });
    expect(reorg(2)).toEqual({ state: 'forked', at: 7, height: 51, agreedFrom: null });
  });

  test('never ends with less than the wanted number of blocks of agreement after the last disagreement', () => {
    const verdict = fc.oneof(
      fc.integer({ min: 1, max: 30 }).map(agreedAt),
      fc.integer({ min: 1, max: 30 }).map(forkAt),
      fc.constant(away),
    );
    fc.assert(
      fc.property(fc.array(verdict, { maxLength: 30 }), (verdicts) => {
        const last = verdicts.findLastIndex(({ state }) => state === 'fork');
        const heights = verdicts.slice(last + 1).flatMap((one) => (one.state === 'ok' ? [one.height] : []));
        const isLong = heights.some((top, index) => heights.slice(0, index + 1).some((low) => top - low >= 3));
        expect(after(verdicts).state).toBe(last < 0 || isLong ? 'agreed' : 'forked');
      }),
      { seed: 51, numRuns: 500 },
    );
  });

  test('cannot be configured to ask for fewer confirmations, or to be over at once', () => {
    expect(() => confirmationsInForce({ state: 'agreed' }, 6, 5)).toThrow('no fewer');
    expect(() => followFork({ state: 'agreed' }, { kind: 'tips', verdict: away }, 0, 0)).toThrow('one block');
    expect(FORK_SETTLE_BLOCKS_DEFAULT).toBeGreaterThan(1);
  });
});
