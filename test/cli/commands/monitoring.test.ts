// `monitoring`: the files fit the figures that the node serves, and a test alert arrives.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { EXPRESSIONS } from '../../../cli/monitoring-files.ts';
import { metricsText } from '../../../operator/status/metrics.ts';
import { Desk } from './desk.ts';
import * as results from './results.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

function configure(more: Readonly<Record<string, unknown>>): void {
  const before: unknown = JSON.parse(readFileSync(desk.path('config.json'), 'utf8'));
  writeFileSync(desk.path('config.json'), JSON.stringify({ ...Object(before), ...more }));
}

/** A file that was written, without its first line, which is a comment. */
function written(name: string) {
  const text = readFileSync(desk.path(`m/${name}`), 'utf8');
  return JSON.parse(text.startsWith('#') ? text.slice(text.indexOf('\n')) : text);
}

describe('monitoring export', () => {
  test('writes Prometheus, rules, Alertmanager and Grafana for the addresses of the configuration', async () => {
    configure({ metrics_address: '127.0.0.1:9555', alertmanager_url: 'https://alerts.example.com/am/' });
    const { code, stdout } = await desk.run(['monitoring', 'export', '--dir', 'm', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).files).toHaveLength(6);
    const prometheus = written('prometheus.yml');
    expect(prometheus.scrape_configs[0].static_configs[0].targets).toEqual(['127.0.0.1:9555']);
    expect(prometheus.alerting.alertmanagers).toEqual([
      { scheme: 'https', path_prefix: '/am', static_configs: [{ targets: ['alerts.example.com'] }] },
    ]);
    const [{ rules }] = written(prometheus.rule_files[0]).groups;
    expect(rules.map(({ alert }: { alert: string }) => alert)).toContain('MpcOperatorSealed');
    const { receiver } = written('alertmanager.yml').route;
    expect(written('alertmanager.yml').receivers).toEqual([{ name: receiver }]);
    const [{ uid }] = written('grafana/provisioning/datasources/mpc_operator.yml').datasources;
    const { panels } = written('grafana/dashboards/mpc_operator.json');
    for (const { datasource, targets } of panels) {
      expect(datasource.uid).toBe(uid);
      expect(targets.length).toBeGreaterThan(0);
    }
  });

  test('asks for figures only that the node serves', () => {
    const text = metricsText({
      ...{ status: results.status, treasury: results.treasuryOpen, peers: results.peerList.peers },
      burns: { known: 0, waiting: 0 },
    });
    const served = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]));
    const asked = EXPRESSIONS.flatMap((expr) => expr.match(/mpc_operator_[a-z_]+/g) ?? []);
    expect(asked.length).toBeGreaterThan(15);
    expect(asked.filter((name) => !served.has(name))).toEqual([]);
  });

  test('overwrites nothing without --force, and then writes nothing', async () => {
    await desk.run(['monitoring', 'export', '--dir', 'm']);
    writeFileSync(desk.path('m/alertmanager.yml'), 'mine');
    const refused = await desk.run(['monitoring', 'export', '--dir', 'm']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${desk.path('m/prometheus.yml')} is there already: give --force`);
    expect(readFileSync(desk.path('m/alertmanager.yml'), 'utf8')).toBe('mine');
    expect((await desk.run(['monitoring', 'export', '--dir', 'm', '--force'])).code).toBe(0);
    expect(readFileSync(desk.path('m/alertmanager.yml'), 'utf8')).toContain('receivers');
  });

  test.skipIf(Bun.which('promtool') === null)('passes promtool', async () => {
    await desk.run(['monitoring', 'export', '--dir', 'm']);
    for (const args of [
      ['check', 'config', desk.path('m/prometheus.yml')],
      ['check', 'rules', desk.path('m/mpc_operator.rules.yml')],
    ]) {
      const { exitCode, stderr } = Bun.spawnSync(['promtool', ...args]);
      expect([exitCode, stderr.toString()]).toEqual([0, '']);
    }
  });

  test.skipIf(Bun.which('amtool') === null)('passes amtool', async () => {
    await desk.run(['monitoring', 'export', '--dir', 'm']);
    expect(Bun.spawnSync(['amtool', 'check-config', desk.path('m/alertmanager.yml')]).exitCode).toBe(0);
  });
});

describe('monitoring test-alert', () => {
  test('posts one alert that ends by itself to the Alertmanager of the configuration', async () => {
    const posted: { readonly path: string; readonly body: unknown }[] = [];
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request) => {
        posted.push({ path: new URL(request.url).pathname, body: await request.json() });
        return new Response('');
      },
    });
    configure({ alertmanager_url: `http://127.0.0.1:${server.port}` });
    const { code, stdout } = await desk.run(['monitoring', 'test-alert']);
    await server.stop(true);
    expect([code, stdout]).toEqual([0, 'Alertmanager took the alert MpcOperatorTestAlert.\n']);
    const [{ path, body } = { path: '', body: null }, ...others] = posted;
    expect([path, others]).toEqual(['/api/v2/alerts', []]);
    expect(body).toMatchObject([{ labels: { alertname: 'MpcOperatorTestAlert', operator: 'Alpha', index: '0' } }]);
  });

  test('says that Alertmanager refuses it, or cannot be reached, exit code 1', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('', { status: 400 }) });
    const url = `http://127.0.0.1:${server.port}`;
    configure({ alertmanager_url: url });
    const refused = await desk.run(['monitoring', 'test-alert']);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      `mpc_operator: Alertmanager at ${url} refused the alert (HTTP 400).\n`,
    ]);
    await server.stop(true);
    const gone = await desk.run(['monitoring', 'test-alert']);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain(`Alertmanager at ${url} cannot be reached`);
  });

  test('an address that is none, or carries a password, is a fault of the configuration', async () => {
    configure({ alertmanager_url: 'http://user:planted@127.0.0.1' });
    const { code, stderr } = await desk.run(['monitoring', 'test-alert']);
    expect(code).toBe(1);
    expect(stderr).toContain('"alertmanager_url" carries a user name or password in a URL');
    expect(stderr).not.toContain('planted');
  });
});
