// `test-communication`: whether every peer answers, with its certificate, clock, version and round-trip times.
import type { Command } from 'commander';
import type { CommandResults, CommunicationReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { signerFaults } from './format.ts';
import { type Column, renderTable } from './output.ts';
import { addExamples } from './program.ts';
import { wholeValue } from './values.ts';

const ROUNDS_DEFAULT = 5;
const ROUNDS_MAX = 100;
const COLUMNS: readonly Column[] = [
  { title: 'INDEX', align: 'right' },
  { title: 'NAME' },
  { title: 'ADDRESS' },
  { title: 'REACHABLE' },
  { title: 'CERTIFICATE' },
  { title: 'CLOCK', align: 'right' },
  { title: 'VERSION' },
  { title: 'ROUND TRIP MIN/MEDIAN/MAX', align: 'right' },
  { title: 'SIGNING FAULTS' },
  { title: 'DETAIL' },
];
type Communication = CommandResults['test-communication'];

export function registerTestCommunication(program: Command, cli: Cli): void {
  const parse = wholeValue('--rounds', 1, ROUNDS_MAX, 'a whole number of pings');
  const command = program
    .command('test-communication')
    .description('Ping every peer; exit code 1 if one cannot be reached or does not fit.')
    .option('--rounds <number>', 'pings to each peer', parse, ROUNDS_DEFAULT)
    .action(({ rounds }: { rounds: number }) =>
      runCommand(cli, 'test-communication', { rounds }, { text: communicationText, failure }),
    );
  addExamples(command, 'mpc_operator test-communication', 'mpc_operator test-communication --rounds 20 --json');
}

function communicationText({ peers }: Communication): string {
  return renderTable(COLUMNS, peers.map(row));
}

function row(peer: CommunicationReport): string[] {
  const { certificate_days_left: days, clock_offset_ms: offset, round_trip_ms: trip } = peer;
  return [
    String(peer.index),
    peer.name,
    peer.address,
    peer.reachable ? 'yes' : 'NO',
    days === null ? '-' : days < 0 ? 'expired' : `${Math.floor(days)} days`,
    offset === null ? '-' : `${offset >= 0 ? '+' : ''}${Math.round(offset)} ms`,
    peer.version ?? '-',
    trip === null ? '-' : `${[trip.min, trip.median, trip.max].map((ms) => ms.toFixed(1)).join('/')} ms`,
    peer.signing === null ? '-' : signerFaults(peer.signing),
    peer.detail,
  ];
}

function failure({ ok, peers }: Communication): string | null {
  if (ok) return null;
  const silent = peers.filter((peer) => !peer.reachable).map((peer) => `${peer.index} (${peer.name})`);
  const unfit = peers.filter((peer) => peer.reachable && !peer.fits);
  return [
    ...(silent.length === 0
      ? []
      : [`No answer from ${silent.length === 1 ? 'operator' : 'operators'} ${silent.join(', ')}.`]),
    ...unfit.map(({ index, name, detail }) => `Operator ${index} (${name}) does not fit: ${detail}.`),
  ].join(' ');
}
