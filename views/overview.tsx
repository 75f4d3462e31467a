/** @jsxImportSource hono/jsx */
// Overview: what needs a person first, then the state of the node, the federation, and the bitcoin against what is owed.
import type { CommandResults } from '../operator/runtime/command-types.ts';
import type { Problem } from '../operator/runtime/problems.ts';
import { Ago, bitcoinText, Card, Chip, durationText, Empty, Facts, Sats, satsText, Table, type Tone } from './kit.tsx';

type Status = CommandResults['status'];

const SEVERITY: Readonly<Record<Problem['severity'], readonly [string, Tone]>> = {
  critical: ['Critical', 'bad'],
  error: ['Error', 'warn'],
  warning: ['Warning', 'info'],
};

/** What needs a person: each with its cause, its age and what to do. */
export function Needs({ problems, now }: { problems: Status['problems']; now: number }) {
  if (problems.length === 0) {
    return (
      <Empty>
        <p>
          <strong>Nothing needs you.</strong> What this node notices by itself shows here first.
        </p>
      </Empty>
    );
  }
  return (
    <Card title="What needs you">
      <ol class="needs">
        {problems.map(({ code, severity, subject, cause, since, action }) => (
          <li class={severity} id={`need-${code}-${anchor(subject)}`}>
            <div class="head">
              <Chip tone={SEVERITY[severity][1]}>{SEVERITY[severity][0]}</Chip>
              <strong>{subject}</strong>
              <span class="muted">
                for <Ago at={since} now={now} />
              </span>
            </div>
            <div>
              <Told text={sentence(cause)} />
            </div>
            <div>
              <strong>Do:</strong> <Told text={sentence(action)} />
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** A sentence in which commands stand between backticks. */
export function Told({ text }: { text: string }) {
  return <>{text.split('`').map((piece, index) => (index % 2 === 1 ? <code>{piece}</code> : piece))}</>;
}

function anchor(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

/** A fragment as a sentence. */
export function sentence(text: string): string {
  // Only a word takes a capital: what begins with an address, a name or a command stays as it is.
  const whole = text.replace(/^[a-z]+(?=[\s,;’'-]|$)/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  return /[.?!]$/.test(whole) ? whole : `${whole}.`;
}

/** What an operator should know although nothing is wrong. */
export function Notices({ notices }: { notices: Status['notices'] }) {
  if (notices.length === 0) return null;
  return (
    <Card title="Good to know">
      <ul>
        {notices.map(({ subject, cause, action }) => (
          <li>
            <strong>{subject}</strong>: {sentence(cause)} {sentence(action)}
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** The bitcoin in custody against what is owed for wBTC. */
export function Custody({ custody, treasury }: Pick<Status, 'custody' | 'treasury'>) {
  if (custody === null) {
    return (
      <Card title="Custody">
        <Empty>
          <p>
            {treasury === null
              ? 'There is no key yet, so no bitcoin is in custody.'
              : `The treasury is not open: ${sentence(treasury.detail)}`}
          </p>
          <p>
            <a href={treasury === null ? '/ceremonies' : '/payouts'}>
              {treasury === null ? 'Prepare the key ceremony' : 'Look at the treasury'}
            </a>
          </p>
        </Empty>
      </Card>
    );
  }
  const isShort = BigInt(custody.excess) < 0n;
  return (
    <Card title="Custody">
      <div class="figure">
        {bitcoinText(custody.total)} <small>BTC in custody</small>
      </div>
      <Facts
        of={[
          ['In custody', <Sats sats={custody.total} />],
          ['Owed for wBTC', <Sats sats={custody.owed} />],
          [
            'Difference',
            <>
              <Sats sats={custody.excess} /> <Chip tone={isShort ? 'bad' : 'ok'}>{isShort ? 'Short' : 'Covered'}</Chip>
            </>,
          ],
          ['Of it in the treasury', <Sats sats={custody.treasury} />],
          ['Deposits not swept yet', <Sats sats={custody.unswept} />],
        ]}
      />
      {!custody.is_complete && (
        <p class="muted">This node does not know every burn that was paid yet, so less is owed than it says.</p>
      )}
    </Card>
  );
}

/** What this node is and does now. */
export function ThisNode({ status, now }: { status: Status; now: number }) {
  const { service, scan, clock, backups, key_id, listening, started_at, certificate_expires_at } = status;
  return (
    <Card title="This node">
      <Facts
        of={[
          ['Runs since', <Ago at={started_at} now={now} />],
          ['Peers reach it at', listening ?? 'nowhere: it is sealed'],
          ['Key', key_id === null ? <a href="/ceremonies">none yet</a> : <code>{key_id}</code>],
          ['Service', serviceText(service)],
          ['Blocks read', scan === null ? 'not yet' : `${satsText(scan.height)} of ${satsText(scan.tip)}`],
          ['Clock', clockText(clock)],
          ['Last backup of the key', <Ago at={backups.key_share} now={now} />],
          ['Last drill', <Ago at={backups.drill} now={now} />],
          [
            'Certificate',
            certificate_expires_at === null
              ? 'no card yet'
              : `${durationText(Date.parse(certificate_expires_at) - now)} left`,
          ],
        ]}
      />
    </Card>
  );
}

function serviceText({ state, paused_since }: Status['service']): string {
  if (paused_since !== null) return 'paused';
  return state === 'off' ? 'never enabled' : state;
}

function clockText({ peers }: Status['clock']): string {
  const worst = Math.max(0, ...peers.map(({ offset_ms }) => Math.abs(offset_ms)));
  return peers.length === 0 ? 'not compared yet' : `within ${worst} ms of its peers`;
}

const PHASES: Readonly<Record<string, readonly [string, Tone]>> = {
  live: ['Live', 'ok'],
  starting: ['Starting', 'info'],
  halted: ['Halted', 'bad'],
};

/** The state of a peer: a word, its tone and shape. */
export function peerState(peer: Status['peers'][number]): readonly [string, Tone, string | undefined] {
  if (peer.reachable === null) return ['Unknown', 'idle', '◌'];
  if (!peer.reachable) return ['Unreachable', 'bad', '⊘'];
  if (peer.paused_since !== null) return ['Paused', 'warn', '‖'];
  const [word, tone] = PHASES[peer.phase ?? ''] ?? ['Unknown', 'idle'];
  return [word, tone, undefined];
}

/** Every peer as it is heard. */
export function FederationMatrix({ status, now }: { status: Status; now: number }) {
  const { peers, threshold, participants } = status;
  const reached = peers.filter(({ reachable }) => reachable === true).length + 1;
  if (peers.length === 0) {
    return (
      <Card title="Federation">
        <Empty>
          <p>This node knows no other operator yet.</p>
          <p>
            <a href="/federation">Add their cards</a>
          </p>
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Federation">
      <p>
        {reached} of {participants} nodes answer; {threshold} must sign.
      </p>
      <Table caption="Operators" hideCaption head={['Operator', 'State', 'Heard', 'Height', 'Clock', 'Version']}>
        {peers.map((peer) => {
          const [word, tone, shape] = peerState(peer);
          return (
            <tr id={`peer-${peer.index}`}>
              <th scope="row">
                <a href={`/federation#peer-${peer.index}`}>
                  {peer.index} {peer.name}
                </a>
              </th>
              <td>
                <Chip tone={tone} shape={shape}>
                  {word}
                </Chip>
                {peer.reachable === false && <div class="muted">{sentence(peer.detail)}</div>}
              </td>
              <td>
                <Ago at={peer.heard_at} now={now} />
              </td>
              <td class="nowrap">{peer.bitcoin_height === null ? '–' : satsText(peer.bitcoin_height)}</td>
              <td class="nowrap">{peer.clock_offset_ms === null ? '–' : `${peer.clock_offset_ms} ms`}</td>
              <td>{peer.version ?? '–'}</td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
}

/** What waits, by counts. */
export function Queues({ status }: { status: Status }) {
  const { deposits, withdrawals, burns_waiting } = status;
  return (
    <Card title="Queues">
      <Facts
        of={[
          ['Deposits waiting', <a href="/deposits">{String(deposits['seen'] ?? 0)}</a>],
          ['Attested, not minted', String(deposits['attested'] ?? 0)],
          ['Burns waiting', <a href="/payouts">{String(burns_waiting)}</a>],
          ['Payouts signed, not mined', String(withdrawals['signed'] ?? 0)],
        ]}
      />
    </Card>
  );
}
