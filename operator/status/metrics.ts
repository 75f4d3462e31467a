// The figures of a node in Prometheus' text format (version 0.0.4), made from the reports that `status` and `treasury` show. They
// hold no secrets, and neither paths nor addresses of other operators: whoever reads them learns how the node does.
import { listWaitingBurns } from '../../store/burn-payments.ts';
import { listBurns } from '../../store/burns.ts';
import type { Node } from '../node.ts';
import { peerReports } from '../reports.ts';
import type { CommandResults, PeerReport, TreasuryReport } from '../runtime/command-types.ts';
import { SEVERITIES } from '../runtime/problems.ts';
import { treasuryReport } from '../treasury-report.ts';
import { statusReport } from './status-report.ts';

type Status = CommandResults['status'];
type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number | bigint | boolean];

/** What the figures are made from. */
export interface MetricsInput {
  readonly status: Status;
  readonly treasury: TreasuryReport | null;
  readonly peers: readonly PeerReport[];
  readonly burns: { readonly known: number; readonly waiting: number };
}

/** The content type of the format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const readAt = new WeakMap<Node, number>();

/** When the figures of a node were read last, in ms since 1970; null: not since its start. */
export function metricsReadAt(node: Node): number | null {
  return readAt.get(node) ?? null;
}

/** The figures of a node now. */
export async function nodeMetrics(node: Node): Promise<string> {
  readAt.set(node, node.input.effects.now());
  const { db } = node.store;
  const status = await statusReport(node);
  const treasury = node.keys.live() === null ? null : treasuryReport(node);
  const burns = { known: listBurns(db, { limit: 1 }).total, waiting: listWaitingBurns(db, { limit: 1 }).total };
  return metricsText({ status, treasury, peers: peerReports(node).peers, burns });
}

/** The text. Every figure has a line of help; one that is not known now is left out. */
export function metricsText(input: MetricsInput): string {
  const lines = [...nodeFigures(input), ...peerFigures(input), ...chainFigures(input), ...moneyFigures(input)];
  return `${lines.join('\n')}\n`;
}

function nodeFigures({ status, peers }: MetricsInput): readonly string[] {
  const { version, network, name, my_index, problems, ceremonies } = status;
  const codes = [...new Set(problems.map(({ code, severity }) => `${severity} ${code}`))];
  const phases = [...new Set(ceremonies.map(({ phase }) => phase))];
  const own = peers.find(({ self }) => self);
  return [
    ...gauge('info', 'What runs; always 1.', [[{ version, network, name, index: my_index }, 1]]),
    ...gauge('sealed', 'Whether the key file is closed, so that nothing is signed.', [[{}, status.sealed]]),
    ...gauge('paused', 'Whether an operator has paused this node, so that nothing is signed.', [
      [{}, status.service.paused_since !== null],
    ]),
    ...gauge('start_time_seconds', 'When the server started, in seconds since 1970.', seconds(status.started_at)),
    ...gauge('key_live', 'Whether the federation has a key.', [[{}, status.key_id !== null]]),
    ...gauge('threshold', 'How many operators must sign.', [[{}, status.threshold]]),
    ...gauge('participants', 'How many operators there are.', [[{}, status.participants]]),
    ...gauge(
      'problems',
      'What status shows as needing attention, by severity.',
      SEVERITIES.map((severity) => [{ severity }, problems.filter((one) => one.severity === severity).length]),
    ),
    ...gauge(
      'problem',
      'The same by code.',
      codes.map((both) => {
        const [severity = '', code = ''] = both.split(' ');
        return [{ code, severity }, problems.filter((one) => one.code === code && one.severity === severity).length];
      }),
    ),
    ...gauge('audit_log_entries', 'Entries of the audit log.', [[{}, status.audit_head.seq]]),
    ...gauge('ceremonies_running', 'Key ceremonies under way, in all.', [[{}, ceremonies.length]]),
    ...gauge(
      'ceremonies',
      'Key ceremonies under way, by phase.',
      phases.map((phase) => [{ phase }, ceremonies.filter((one) => one.phase === phase).length]),
    ),
    ...gauge(
      'certificate_expiry_seconds',
      'When the own TLS certificate ends, in seconds since 1970.',
      own === undefined ? [] : seconds(own.certificate_expires_at),
    ),
  ];
}

function peerFigures({ status: { peers, signers, rejections }, peers: cards }: MetricsInput): readonly string[] {
  const of = (peer: number): Labels => ({ peer });
  return [
    ...gauge(
      'peer_up',
      'Whether an operator answers.',
      peers.flatMap(({ index, reachable }) => known(of(index), reachable)),
    ),
    ...gauge(
      'peer_bitcoin_height',
      'The block that an operator told last.',
      peers.flatMap(({ index, bitcoin_height }) => known(of(index), bitcoin_height)),
    ),
    ...gauge(
      'peer_heard_time_seconds',
      'When an operator was heard last, in seconds since 1970.',
      peers.flatMap(({ index, heard_at }) => (heard_at === null ? [] : seconds(heard_at, of(index)))),
    ),
    ...gauge(
      'peer_clock_offset_seconds',
      "How far an operator's clock is ahead of this one.",
      peers.flatMap(({ index, clock_offset_ms }) =>
        known(of(index), clock_offset_ms === null ? null : clock_offset_ms / 1000),
      ),
    ),
    ...gauge(
      'peer_certificate_expiry_seconds',
      'When the TLS certificate of an operator ends, in seconds since 1970.',
      cards.filter(({ self }) => !self).flatMap(({ index, certificate_expires_at: at }) => seconds(at, of(index))),
    ),
    ...counter(
      'signer_answers_total',
      'Requests to sign since the start, by what the signer did.',
      signers.flatMap(({ index, answered, slow, silent, refused, lying }) =>
        Object.entries({ answered, slow, silent, refused, lying }).map(
          ([outcome, n]): Sample => [{ peer: index, outcome }, n],
        ),
      ),
    ),
    ...counter(
      'messages_refused_total',
      'Peer messages that were refused since the start, by reason.',
      Object.entries(rejections).map(([reason, n]) => [{ reason }, n]),
    ),
  ];
}

function chainFigures({ status: { bitcoin, wire, scan } }: MetricsInput): readonly string[] {
  const kinds = [
    ['bitcoin', 'Bitcoin', bitcoin],
    ['wire', 'Wire', wire],
  ] as const;
  return [
    ...kinds.flatMap(([key, name, nodes]) => [
      ...gauge(
        `${key}_node_up`,
        `Whether an own ${name} node is well.`,
        nodes.map(({ url, ok }) => [{ node: host(url) }, ok]),
      ),
      ...gauge(
        `${key}_node_height`,
        `The height that an own ${name} node told last.`,
        nodes.flatMap(({ url, height }) => known({ node: host(url) }, height)),
      ),
    ]),
    ...gauge('scan_height', 'The last block that was read.', known({}, scan?.height ?? null)),
    ...gauge('scan_tip', 'The last block that there is.', known({}, scan?.tip ?? null)),
  ];
}

function moneyFigures({ status, treasury, burns }: MetricsInput): readonly string[] {
  return [
    ...gauge('treasury_open', 'Whether the treasury is open.', [[{}, treasury?.state === 'open']]),
    ...gauge('treasury_balance_sats', 'What the treasury output holds.', sats(treasury?.balance ?? null)),
    ...gauge('treasury_surplus_sats', 'What of it belongs to no burn.', sats(treasury?.surplus ?? null)),
    ...gauge(
      'treasury_top_ups_sats',
      'Payments to the treasury that the next step sweeps.',
      sats(treasury?.strays.amount ?? null),
    ),
    ...gauge(
      'deposits',
      'Deposits, by where they stand.',
      Object.entries(status.deposits).map(([state, n]) => [{ state }, n]),
    ),
    ...gauge(
      'payout_steps',
      'Steps of the treasury line, by where they stand.',
      Object.entries(status.withdrawals).map(([state, n]) => [{ state }, n]),
    ),
    ...gauge('burns', 'Burns that were read on Wire.', [[{}, burns.known]]),
    ...gauge('burns_waiting', 'Burns that no signed step pays yet.', [[{}, burns.waiting]]),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): readonly string[] {
  return figure('gauge', name, help, samples);
}

function counter(name: string, help: string, samples: readonly Sample[]): readonly string[] {
  return figure('counter', name, help, samples);
}

function figure(type: string, short: string, help: string, samples: readonly Sample[]): readonly string[] {
  const name = `mpc_operator_${short}`;
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(
      ([labels, value]) => `${name}${labelText(labels)} ${typeof value === 'boolean' ? Number(value) : value}`,
    ),
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(`${value}`)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function known(labels: Labels, value: number | boolean | null): readonly Sample[] {
  return value === null ? [] : [[labels, value]];
}

function seconds(iso: string, labels: Labels = {}): readonly Sample[] {
  return [[labels, Date.parse(iso) / 1000]];
}

function sats(amount: string | null): readonly Sample[] {
  return amount === null ? [] : [[{}, BigInt(amount)]];
}

function host(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
