// The metrics endpoint: Prometheus' text format, read by a strict reader, and by promtool where it is.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { metricsText, nodeMetrics } from '../../operator/status/metrics.ts';
import { listenMetrics } from '../../routes/metrics.ts';
import * as results from '../cli/commands/results.ts';
import { SetUpNodes } from './set-up-nodes.ts';

const INPUT = {
  status: { ...results.status, problems: [results.sealedPeer, results.sealedPeer] },
  treasury: results.treasuryOpen,
  peers: results.peerList.peers,
  burns: { known: 7, waiting: 2 },
};

/** Reads the format and throws at the first line that breaks it; values by name and labels as written. */
function read(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let current = { name: '', hasHelp: false, type: '' };
  const names = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP ([a-z_][a-z0-9_]*) (.+)$/.exec(line);
    const type = /^# TYPE ([a-z_][a-z0-9_]*) (gauge|counter)$/.exec(line);
    const sample =
      /^([a-z_][a-z0-9_]*)(\{[a-z_]+="(?:[^"\\]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\]|\\["\\n])*")*\})? (-?[0-9]+(?:\.[0-9]+)?)$/.exec(
        line,
      );
    if (help !== null) {
      if (names.has(help[1] ?? '')) throw new Error(`${help[1]} comes twice`);
      names.add(help[1] ?? '');
      current = { name: help[1] ?? '', hasHelp: true, type: '' };
    } else if (type !== null) {
      if (type[1] !== current.name || current.type !== '') throw new Error(`a type out of place: ${line}`);
      current = { ...current, type: type[2] ?? '' };
    } else if (sample !== null) {
      if (sample[1] !== current.name || current.type === '') throw new Error(`a sample without type: ${line}`);
      if (current.type === 'counter' && !current.name.endsWith('_total'))
        throw new Error(`a counter without _total: ${line}`);
      const key = `${sample[1]}${sample[2] ?? ''}`;
      if (found.has(key)) throw new Error(`${key} comes twice`);
      found.set(key, Number(sample[3]));
    } else throw new Error(`no line of the format: ${line}`);
  }
  return found;
}

describe('the figures', () => {
  test('are those of status and treasury, for node, peers, ceremonies, chain, treasury, deposits and burns', () => {
    const found = read(metricsText(INPUT));
    for (const [key, value] of [
      ['info{version="0.1.0",network="regtest",name="Alpha",index="0"}', 1],
      ['sealed', 0],
      ['problems{severity="error"}', 2],
      ['problem{code="peer_unreachable",severity="error"}', 2],
      ['peer_up{peer="1"}', 1],
      ['peer_up{peer="2"}', 0],
      ['peer_clock_offset_seconds{peer="1"}', -0.18],
      ['signer_answers_total{peer="2",outcome="lying"}', 2],
      ['ceremonies{phase="lobby"}', 1],
      ['bitcoin_node_up{node="localhost:8332"}', 1],
      ['wire_node_up{node="localhost:7000"}', 0],
      ['scan_height', 809],
      ['treasury_open', 1],
      ['treasury_balance_sats', 25_000],
      ['deposits{state="minted"}', 5],
      ['burns', 7],
      ['burns_waiting', 2],
    ] as const) {
      expect([key, found.get(`mpc_operator_${key}`)]).toEqual([key, value]);
    }
    expect(found.has('mpc_operator_peer_bitcoin_height{peer="2"}')).toBe(false);
  });

  test('keep a name with quotes, backslashes and line ends in its label', () => {
    const text = metricsText({ ...INPUT, status: { ...INPUT.status, name: 'a"b\\c\nd' } });
    expect(read(text).get('mpc_operator_info{version="0.1.0",network="regtest",name="a\\"b\\\\c\\nd",index="0"}')).toBe(
      1,
    );
  });

  test('that break the format are found out by the reader', () => {
    for (const bad of [
      'x 1\n',
      '# HELP x y\n# TYPE x gauge\nx{a="b} 1\n',
      '# HELP x y\n# TYPE x gauge\nx 1\nx 1\n',
      '# HELP x y\n',
    ]) {
      if (bad === '# HELP x y\n') expect(read(bad).size).toBe(0);
      else expect(() => read(bad)).toThrow();
    }
  });

  test.skipIf(Bun.which('promtool') === null)('pass promtool without a word', () => {
    const { exitCode, stderr } = Bun.spawnSync(['promtool', 'check', 'metrics'], {
      stdin: Buffer.from(metricsText(INPUT)),
    });
    expect([exitCode, stderr.toString()]).toEqual([0, '']);
  });
});

describe('the endpoint', () => {
  let nodes: SetUpNodes;
  beforeEach(async () => {
    nodes = await SetUpNodes.make();
  });
  afterEach(() => nodes.close());

  test('serves the figures of a sealed node at /metrics and nothing else', async () => {
    const node = nodes.open(await nodes.init(0));
    const listener = listenMetrics({ host: '127.0.0.1', port: 0 }, () => nodeMetrics(node));
    const answer = await fetch(`http://${listener.address}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const found = read(await answer.text());
    expect(found.get('mpc_operator_sealed')).toBe(1);
    expect(found.get('mpc_operator_key_live')).toBe(0);
    expect((await fetch(`http://${listener.address}/`)).status).toBe(404);
    expect((await fetch(`http://${listener.address}/metrics`, { method: 'POST' })).status).toBe(405);
    await listener.stop();
  });

  test('tells a request whose address cannot be read where the figures are, and never that they cannot be gathered', async () => {
    const listener = listenMetrics({ host: '127.0.0.1', port: 0 }, async () => 'x 1\n');
    const [hostname = '', port = ''] = listener.address.split(':');
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = await Bun.connect({
      ...{ hostname, port: Number(port) },
      socket: { data: (_, bytes) => resolve(new TextDecoder().decode(bytes)) },
    });
    socket.write('GET /metrics HTTP/1.1\r\nHost: [::1\r\n\r\n');
    expect(await promise).toMatch(/^HTTP\/1.1 404 .*see \/metrics/s);
    socket.end();
    await listener.stop();
  });

  test('answers 500 where the figures cannot be gathered, and tells nothing of the fault', async () => {
    const listener = listenMetrics({ host: '127.0.0.1', port: 0 }, async () => {
      throw new Error('a secret detail');
    });
    const answer = await fetch(`http://${listener.address}/metrics`);
    expect([answer.status, (await answer.text()).includes('secret')]).toEqual([500, false]);
    await listener.stop();
  });
});
