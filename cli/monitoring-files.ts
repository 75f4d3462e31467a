// What Prometheus, Alertmanager and Grafana need to watch a node: scrape, alerts, and one dashboard. JSON is YAML too, and what
// is data here is written as JSON, so that no value has to be quoted by hand.

/** Where the node and Alertmanager are. */
export interface MonitoringInput {
  readonly metricsAddress: string;
  readonly alertmanagerUrl: string;
}

interface Alert {
  readonly name: string;
  readonly expr: string;
  /** For how long it must hold. */
  readonly lasts: string;
  readonly severity: 'critical' | 'error' | 'warning';
  readonly summary: string;
}

const RULES_FILE = 'mpc_operator.rules.yml';
const DATASOURCE = { type: 'prometheus', uid: 'mpc-operator-prometheus' } as const;
const DAY_S = 86_400;

/** The alerts. What `status` calls a problem is one by its severity; those beside it are of what it cannot tell. */
export const ALERTS: readonly Alert[] = [
  alert(
    'Down',
    'up{job="mpc_operator"} == 0',
    '2m',
    'critical',
    'The node serves no metrics: it is down, or its port is taken.',
  ),
  alert(
    'Sealed',
    'mpc_operator_sealed == 1',
    '5m',
    'critical',
    'The node is sealed and signs nothing: run mpc_operator unseal.',
  ),
  alert(
    'NoQuorum',
    'sum by (instance) (mpc_operator_peer_up) + 1 < on (instance) mpc_operator_threshold',
    '2m',
    'critical',
    'Fewer operators answer than must sign.',
  ),
  alert('PeerDown', 'mpc_operator_peer_up == 0', '10m', 'warning', 'Operator {{ $labels.peer }} does not answer.'),
  alert(
    'CriticalProblem',
    'mpc_operator_problems{severity="critical"} > 0',
    '1m',
    'critical',
    'See mpc_operator status.',
  ),
  alert('ErrorProblem', 'mpc_operator_problems{severity="error"} > 0', '5m', 'error', 'See mpc_operator status.'),
  alert('WarningProblem', 'mpc_operator_problems{severity="warning"} > 0', '1h', 'warning', 'See mpc_operator status.'),
  alert(
    'BitcoinNodeDown',
    'mpc_operator_bitcoin_node_up == 0',
    '5m',
    'error',
    'Bitcoin node {{ $labels.node }} is not well.',
  ),
  alert('WireNodeDown', 'mpc_operator_wire_node_up == 0', '5m', 'error', 'Wire node {{ $labels.node }} is not well.'),
  alert(
    'BlocksUnread',
    'mpc_operator_scan_tip - mpc_operator_scan_height > 3',
    '15m',
    'error',
    'Blocks are not being read.',
  ),
  alert(
    'BurnsWait',
    'mpc_operator_burns_waiting > 0',
    '2h',
    'error',
    'Burns wait: run mpc_operator withdrawals --waiting.',
  ),
  alert(
    'SignerLied',
    'mpc_operator_signer_answers_total{outcome="lying"} > 0',
    '0m',
    'critical',
    'Operator {{ $labels.peer }} lied.',
  ),
  alert(
    'CertificateEnds',
    `mpc_operator_certificate_expiry_seconds - time() < ${30 * DAY_S}`,
    '1h',
    'warning',
    'The TLS certificate ends within 30 days: run mpc_operator tls rotate.',
  ),
];

const PANELS: readonly (readonly [title: string, unit: string, ...exprs: readonly string[]])[] = [
  ['Problems', 'none', 'mpc_operator_problems'],
  ['Sealed', 'bool', 'mpc_operator_sealed'],
  ['Operators that answer', 'bool', 'mpc_operator_peer_up'],
  ['Clocks of the operators', 's', 'mpc_operator_peer_clock_offset_seconds'],
  ['Signers', 'ops', 'rate(mpc_operator_signer_answers_total[5m])'],
  ['Key ceremonies', 'none', 'mpc_operator_ceremonies_running'],
  ['Bitcoin nodes', 'none', 'mpc_operator_bitcoin_node_height', 'mpc_operator_scan_height'],
  ['Wire nodes', 'none', 'mpc_operator_wire_node_height'],
  ['Treasury (sats)', 'none', 'mpc_operator_treasury_balance_sats', 'mpc_operator_treasury_surplus_sats'],
  ['Deposits', 'none', 'mpc_operator_deposits'],
  ['Burns', 'none', 'mpc_operator_burns', 'mpc_operator_burns_waiting'],
  ['Payouts', 'none', 'mpc_operator_payout_steps'],
];

/** Every expression that is asked of Prometheus. */
export const EXPRESSIONS: readonly string[] = [
  ...ALERTS.map(({ expr }) => expr),
  ...PANELS.flatMap(([, , ...exprs]) => exprs),
];

/** The files by their path in the folder. */
export function monitoringFiles({ metricsAddress, alertmanagerUrl }: MonitoringInput): ReadonlyMap<string, string> {
  const alertmanager = new URL(alertmanagerUrl);
  return new Map([
    ['prometheus.yml', yaml('Prometheus', prometheus(metricsAddress, alertmanager))],
    [RULES_FILE, yaml('alert rules', { groups: [{ name: 'mpc_operator', rules: ALERTS.map(rule) }] })],
    ['alertmanager.yml', yaml('Alertmanager', ALERTMANAGER)],
    ['grafana/provisioning/datasources/mpc_operator.yml', yaml('Grafana', DATASOURCES)],
    ['grafana/provisioning/dashboards/mpc_operator.yml', yaml('Grafana', PROVIDERS)],
    ['grafana/dashboards/mpc_operator.json', `${JSON.stringify(dashboard(), null, 2)}\n`],
  ]);
}

function alert(name: string, expr: string, lasts: string, severity: Alert['severity'], summary: string): Alert {
  return { name: `MpcOperator${name}`, expr, lasts, severity, summary };
}

function yaml(of: string, value: unknown): string {
  return `# ${of} for mpc_operator; made by \`mpc_operator monitoring export\`. JSON is YAML.\n${JSON.stringify(value, null, 2)}\n`;
}

function prometheus(target: string, alertmanager: URL) {
  const path = alertmanager.pathname === '/' ? {} : { path_prefix: alertmanager.pathname };
  return {
    global: { scrape_interval: '15s', evaluation_interval: '15s' },
    rule_files: [RULES_FILE],
    alerting: {
      alertmanagers: [
        { scheme: alertmanager.protocol.replace(':', ''), ...path, static_configs: [{ targets: [alertmanager.host] }] },
      ],
    },
    scrape_configs: [{ job_name: 'mpc_operator', static_configs: [{ targets: [target] }] }],
  };
}

function rule({ name, expr, lasts, severity, summary }: Alert) {
  return { alert: name, expr, for: lasts, labels: { severity }, annotations: { summary } };
}

// Where alerts go is the operator's own: the receiver keeps them in Alertmanager until a way to people is added.
const ALERTMANAGER = {
  route: { receiver: 'operators', group_by: ['alertname'], group_wait: '30s', repeat_interval: '4h' },
  receivers: [{ name: 'operators' }],
};

const DATASOURCES = {
  apiVersion: 1,
  datasources: [
    { name: 'mpc_operator', ...DATASOURCE, access: 'proxy', url: 'http://127.0.0.1:9090', isDefault: false },
  ],
};

const PROVIDERS = {
  apiVersion: 1,
  providers: [{ name: 'mpc_operator', type: 'file', options: { path: '/var/lib/grafana/dashboards' } }],
};

function dashboard() {
  const panels = PANELS.map(([title, unit, ...exprs], at) => ({
    ...{ id: at + 1, type: 'timeseries', title, datasource: DATASOURCE },
    gridPos: { x: (at % 2) * 12, y: Math.floor(at / 2) * 8, w: 12, h: 8 },
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: exprs.map((expr, place) => ({ refId: String.fromCharCode(65 + place), expr, datasource: DATASOURCE })),
  }));
  const time = { from: 'now-24h', to: 'now' };
  return { uid: 'mpc-operator', title: 'MPC operator', schemaVersion: 39, refresh: '30s', time, panels };
}
