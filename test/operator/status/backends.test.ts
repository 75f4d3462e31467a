// `status` beside Bitcoin and Wire nodes that hang or are down: an answer at once, one row for each, with its age; and what it
// says of a node that is sealed, or that no server runs.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackendRows, SILENT_MS } from '../../../operator/chain-state/backend-rows.ts';
import { WireWatch } from '../../../operator/chain-state/wire-watch.ts';
import { runLocally } from '../../../operator/local.ts';
import { unsealNode } from '../../../operator/node.ts';
import { noProgress } from '../../../operator/runtime/progress.ts';
import { statusReport } from '../../../operator/status/status-report.ts';
import { saveCursor } from '../../../store/cursors.ts';
import { FederationInMemory } from '../federation-in-memory.ts';
import { PASSPHRASE, SetUpNodes } from '../set-up-nodes.ts';

const ANSWER_MS_MAX = 2_000;

let nodes: SetUpNodes;
const servers: Bun.Server<undefined>[] = [];
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  const folder = join(nodes.folder, '.bitcoin', 'regtest');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, '.cookie'), 'user:password', { mode: 0o600 });
});
afterEach(async () => {
  // First, so that no node waits for one that hangs.
  for (const server of servers.splice(0)) await server.stop(true);
  await nodes.close();
});

function serve(fetch: () => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}
const hanging = (): string => serve(() => new Promise<Response>(() => {}));
const wire = (height: number): string => serve(() => Response.json({ network: 'regtest', height, last_burn_seq: 4 }));

describe('status', () => {
  test('answers within 2 s where a Bitcoin and a Wire node hang, with a row and a problem for each', async () => {
    const [slow, mute, well] = [hanging(), hanging(), wire(7)];
    const config = await nodes.init(0, { bitcoin_nodes: [slow, 'http://127.0.0.1:1'], wire_nodes: [mute, well] });
    const node = nodes.open(config);
    await unsealNode(node, PASSPHRASE);
    const begun = performance.now();
    const status = await statusReport(node);
    expect(performance.now() - begun).toBeLessThan(ANSWER_MS_MAX);
    expect(status.bitcoin.map(({ url, ok }) => [url, ok])).toEqual([
      [slow, false],
      ['http://127.0.0.1:1', false],
    ]);
    expect(status.bitcoin[0]?.detail).toMatch(/^no answer for \d/);
    expect(status.wire).toMatchObject([
      { url: mute, ok: false, height: null, answered_at: null },
      { url: well, ok: true, height: 7, detail: 'last burn 4', since: null },
    ]);
    const named = (code: string) => status.problems.filter((one) => one.code === code).map(({ subject }) => subject);
    expect(named('bitcoin_silent')).toContain(`Bitcoin node ${new URL(slow).host}`);
    expect(named('wire_unavailable')).toEqual([`Wire node ${new URL(mute).host}`]);
  });

  test('names the flags of init where a Bitcoin node refuses the RPC user or password', async () => {
    const url = serve(() => new Response('', { status: 401 }));
    const { problems } = await statusReport(nodes.open(await nodes.init(0, { bitcoin_nodes: [url] })));
    const found = problems.find(({ code }) => code === 'bitcoin_credentials');
    expect(found?.subject).toBe(`Bitcoin node ${new URL(url).host}`);
    expect(found?.cause).toStartWith('the node refuses the RPC user or password (401)');
    expect(found?.action).toContain('--bitcoin-rpc-user');
    expect(problems.map(({ code }) => code)).not.toContain('bitcoin_unavailable');
  });

  test('has a Wire node whose ledger became shorter as a problem, until it is as long again', async () => {
    const told = { network: 'regtest', height: 50, last_burn_seq: 9 };
    const url = serve(() => Response.json(told));
    const node = nodes.open(await nodes.init(0, { wire_nodes: [url] }));
    const look = async () => {
      const { wire: rows, problems } = await statusReport(node);
      return { row: rows[0], found: problems.find(({ code }) => code === 'wire_reset') };
    };
    expect((await look()).row).toMatchObject({ ok: true, detail: 'last burn 9' });
    Object.assign(told, { height: 50, last_burn_seq: 3 });
    const { row, found } = await look();
    expect(row).toMatchObject({ ok: false, height: 50 });
    expect(found).toMatchObject({ severity: 'error', subject: `Wire node ${new URL(url).host}` });
    expect(found?.cause).toBe('its ledger has become shorter: its last burn is 3, and was 9');
    expect(found?.action).toContain('put its data back');
    expect(found?.since).not.toBeNull();
    Object.assign(told, { height: 60, last_burn_seq: 9 });
    expect((await look()).row).toMatchObject({ ok: true });
    // No burn tells it of a ledger that has none; a reorganisation of its last blocks is nothing to look at.
    Object.assign(told, { height: 60 - node.config.wireConfirmations });
    expect((await look()).found).toBeUndefined();
    Object.assign(told, { height: 5 });
    expect((await look()).found?.cause).toBe('its ledger has become shorter: its height is 5, and was 60');
  });

  test('after a restart knows a Wire node that was reset by the burns that were read from it', async () => {
    const node = nodes.open(await nodes.init(0, { wire_nodes: [wire(7)] }));
    saveCursor(node.store.db, 'wire_burns', 12, Date.now());
    const { problems } = await statusReport(node);
    const found = problems.find(({ code }) => code === 'wire_reset');
    expect(found?.cause).toBe('its ledger lacks burns that were read before: its last burn is 4, and burn 12 was read');
  });

  test('of a server that is sealed says that it runs, and how to unseal it', async () => {
    const node = nodes.open(await nodes.init(0));
    const { running, sealed, problems } = await statusReport(node);
    expect([running, sealed]).toEqual([true, true]);
    const found = problems.find(({ code }) => code === 'sealed');
    expect(found?.action).toBe('run `mpc_operator unseal`');
    expect(problems.map(({ code }) => code)).not.toContain('not_running');
  });

  test('without a server has that as a problem, and not that the node is sealed', async () => {
    const config = await nodes.init(0);
    const run = { progress: noProgress, signal: AbortSignal.timeout(60_000) };
    const passphrase = () => Promise.resolve(PASSPHRASE);
    const local = { ...run, passphrase, passphraseIfAny: passphrase };
    const { running, problems } = await runLocally(nodes.inputOf(config), 'status', {}, local);
    expect(running).toBe(false);
    const codes = problems.map(({ code }) => code);
    expect(codes).toContain('not_running');
    expect(codes).not.toContain('sealed');
  });
});

test('one of several Wire nodes that reads a burn later than the others is a problem only when that lasts', async () => {
  const clock = { at: 0, now: () => clock.at, monotonic: () => clock.at };
  const urls = [wire(7), wire(8)];
  const config = { wireNodes: urls, network: 'regtest', wireConfirmations: 1 } as const;
  const watch = new WireWatch(config, clock, () => 5);
  await watch.look();
  expect(watch.reports().map(({ ok }) => ok)).toEqual([true, true]);
  clock.at += 60_000;
  await watch.look();
  expect(urls.map((url) => watch.faultOf(url))).toEqual(['wire_reset', 'wire_reset']);
});

test('a node whose Bitcoin node hangs still answers a ping, without a height', async () => {
  const federation = await FederationInMemory.make();
  try {
    Object.assign(federation.at(1).node.bitcoin, { tip: () => new Promise(() => {}) });
    const ping = { from: 0, boot: 'b', receivedAt: Date.now(), ceremony: '', type: 'ping', body: {} };
    const [reply] = await federation.at(1).services.handle(ping);
    expect(reply).toMatchObject({ type: 'pong', body: { bitcoin_height: null, sealed: false } });
  } finally {
    await federation.close();
  }
});

describe('the row of a node', () => {
  const clock = { at: 1_000_000, now: () => clock.at + 1_900_000_000_000, monotonic: () => clock.at };
  const iso = (at: number): string => new Date(at + 1_900_000_000_000).toISOString();

  test('keeps its last answer with the time while it is asked again, and is not well once it is silent for long', () => {
    const rows = new BackendRows(['http://a:1', 'http://b:1'], clock);
    rows.asked();
    rows.heard(0, { ok: true, height: 5, detail: 'x' });
    const answered = clock.at;
    clock.at += 60_000;
    rows.asked();
    clock.at += SILENT_MS;
    const url = 'http://a:1';
    expect(rows.reports()[0]).toEqual({
      url,
      ok: true,
      height: 5,
      detail: 'x',
      answered_at: iso(answered),
      since: null,
    });
    clock.at += 1;
    const asked = iso(clock.at - SILENT_MS - 1);
    expect(rows.reports()[0]).toEqual({
      url,
      ok: false,
      height: 5,
      detail: 'no answer for 5.0 s',
      answered_at: iso(answered),
      since: asked,
    });
    rows.heard(0, { ok: false, height: null, detail: 'time-out' });
    clock.at += 60_000;
    rows.asked();
    rows.heard(0, { ok: false, height: null, detail: 'refused' });
    expect(rows.reports()[0]).toMatchObject({ ok: false, detail: 'refused', since: asked });
    rows.heard(0, { ok: true, height: 6, detail: '' });
    expect(rows.reports()[0]).toMatchObject({ ok: true, height: 6, since: null, answered_at: iso(clock.at) });
  });
});
