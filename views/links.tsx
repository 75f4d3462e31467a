/** @jsxImportSource hono/jsx */
// The ways to all peers, as they were measured last.
import type { MeasuredLinks } from '../operator/communication.ts';
import { ActLink, Ago, Card, Chip, durationText, Empty, Table } from './kit.tsx';
import { sentence } from './overview.tsx';

/** How far a peer's clock is ahead, in ms. */
export function clockText(ms: number): string {
  return `${ms > 0 ? '+' : ''}${Math.round(ms)} ms`;
}

/** The last measurement of the ways to all peers. */
export function LinksTable({ peers }: { peers: MeasuredLinks['peers'] }) {
  const head = ['Operator', 'Answer', 'Round trip', 'Clock', 'Certificate', 'Version', 'What is wrong'];
  return (
    <Table caption="Ways to all peers" hideCaption head={head}>
      {peers.map(
        ({ index, name, reachable, fits, detail, version, certificate_days_left, clock_offset_ms, ...peer }) => (
          <tr>
            <th scope="row">
              {index} {name}
            </th>
            <td>
              <Chip tone={fits ? 'ok' : reachable ? 'warn' : 'bad'}>
                {fits ? 'fits' : reachable ? 'answers' : 'silent'}
              </Chip>
            </td>
            <td class="nowrap">{peer.round_trip_ms === null ? '–' : `${peer.round_trip_ms.median.toFixed(1)} ms`}</td>
            <td class="nowrap">{clock_offset_ms === null ? '–' : clockText(clock_offset_ms)}</td>
            <td class="nowrap">
              {certificate_days_left === null ? '–' : durationText(certificate_days_left * 86_400_000)}
            </td>
            <td>{version ?? '–'}</td>
            <td>{fits ? '' : sentence(detail)}</td>
          </tr>
        ),
      )}
    </Table>
  );
}

/** The latency of each peer as bars, with the same numbers in a table. */
export function Latency({ links, now, mayTest }: { links: MeasuredLinks | null; now: number; mayTest: boolean }) {
  const test = mayTest ? <ActLink act="test-communication" title="Measure now" fields={{ rounds: '5' }} /> : null;
  if (links === null || links.peers.length === 0) {
    return (
      <Card title="Ways to the others">
        <Empty>
          <p>
            {links === null ? 'They were not measured since the server started.' : 'There is no other operator yet.'}
          </p>
          {links === null && test !== null && <p>{test}</p>}
        </Empty>
      </Card>
    );
  }
  const at = new Date(links.at).toISOString();
  const wrong = links.peers.filter(({ fits }) => !fits).length;
  return (
    <Card title="Ways to the others">
      <p>
        Measured <Ago at={at} now={now} /> ago:{' '}
        {wrong === 0 ? 'all fit.' : `${wrong} of ${links.peers.length} do not fit.`}
      </p>
      <LatencyChart peers={links.peers} />
      <details>
        <summary>The numbers</summary>
        <LinksTable peers={links.peers} />
      </details>
      <div class="buttons">{test}</div>
    </Card>
  );
}

const BAR_HEIGHT = 24;
const BAR_WIDTH = 170;

function LatencyChart({ peers }: { peers: MeasuredLinks['peers'] }) {
  const times = peers.flatMap(({ name, round_trip_ms: trip }) => (trip === null ? [] : [{ name, ms: trip.median }]));
  if (times.length === 0) return <p>No other operator answered.</p>;
  const most = Math.max(...times.map(({ ms }) => ms), 1);
  const slowest = times.reduce((a, b) => (b.ms > a.ms ? b : a));
  const text = `The slowest answer came from ${slowest.name}, in ${slowest.ms.toFixed(1)} ms.`;
  return (
    <figure>
      <figcaption>{text}</figcaption>
      <svg
        class="chart"
        viewBox={`0 0 400 ${times.length * BAR_HEIGHT}`}
        role="img"
        aria-labelledby="latency-title latency-text"
      >
        <title id="latency-title">Round trip to each operator</title>
        <desc id="latency-text">{text}</desc>
        {times.map(({ name, ms }, row) => (
          <g>
            <text x="0" y={row * BAR_HEIGHT + 16}>
              {name.length > 20 ? `${name.slice(0, 19)}…` : name}
            </text>
            <rect
              class="bar"
              x="150"
              y={row * BAR_HEIGHT + 5}
              width={Math.max(1, (ms / most) * BAR_WIDTH)}
              height="14"
            />
            <text x={156 + Math.max(1, (ms / most) * BAR_WIDTH)} y={row * BAR_HEIGHT + 16}>
              {ms.toFixed(1)} ms
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}
