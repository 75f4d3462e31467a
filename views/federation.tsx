/** @jsxImportSource hono/jsx */
// Federation: every operator as it is heard, its card with the words to read aloud, whom to call, and who signs.

import type { Contact } from '../crypto/contacts.ts';
import type { MeasuredLinks } from '../operator/communication.ts';
import type { CommandResults, PeerReport, PeerStatusReport, SignerReport } from '../operator/runtime/command-types.ts';
import { ActLink, Ago, Card, Chip, Empty, Table, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';
import { clockText } from './links.tsx';
import { peerState, sentence } from './overview.tsx';

type Status = CommandResults['status'];

/** One operator, of whom a card is here or not. */
export interface OperatorRow {
  readonly index: number;
  readonly card: PeerReport | null;
  /** Null for this node itself. */
  readonly heard: PeerStatusReport | null;
  readonly signer: SignerReport | null;
  /** The median of the last measurement, in ms. */
  readonly latencyMs: number | null;
}

/** A row for each operator of the federation, in index order. */
export function operatorRows(
  { peers }: CommandResults['peer-list'],
  status: Pick<Status, 'participants' | 'peers' | 'signers'>,
  links: MeasuredLinks | null,
): readonly OperatorRow[] {
  return Array.from({ length: status.participants }, (_, index) => ({
    index,
    card: peers.find((one) => one.index === index) ?? null,
    heard: status.peers.find((one) => one.index === index) ?? null,
    signer: status.signers.find((one) => one.index === index) ?? null,
    latencyMs: links?.peers.find((one) => one.index === index)?.round_trip_ms?.median ?? null,
  }));
}

/** A certificate's days left, with a chip as it comes to its end. */
export function DaysLeft({ until, now }: { until: string; now: number }) {
  const days = Math.floor((Date.parse(until) - now) / 86_400_000);
  if (days < 0) return <Chip tone="bad">expired</Chip>;
  const tone: Tone | null = days <= 7 ? 'bad' : days <= 30 ? 'warn' : days <= 60 ? 'info' : null;
  const text = days === 1 ? '1 day' : `${days} days`;
  return tone === null ? <span class="nowrap">{text}</span> : <Chip tone={tone}>{text}</Chip>;
}

/** All operators with what this node knows of each now. */
export function Operators({
  rows,
  own,
  now,
  measuredAt,
}: {
  rows: readonly OperatorRow[];
  own: Pick<Status, 'my_index' | 'threshold' | 'version'>;
  now: number;
  measuredAt: string | null;
}) {
  const reached = rows.filter(({ heard }) => heard?.reachable === true).length + 1;
  const head = ['Operator', 'State', 'Heard', 'Latency', 'Clock', 'Certificate', 'Version', 'Signing'];
  return (
    <Card title="Operators">
      <p>
        {reached} of {rows.length} nodes answer; {own.threshold} must sign.{' '}
        {measuredAt === null ? (
          'Latency was not measured since the server started.'
        ) : (
          <>
            Latency was measured <Ago at={measuredAt} now={now} /> ago.
          </>
        )}
      </p>
      <Table caption="Operators" hideCaption head={head}>
        {rows.map((row) => (
          <OperatorLine row={row} own={own} now={now} />
        ))}
      </Table>
    </Card>
  );
}

function OperatorLine({
  row: { index, card, heard, signer, latencyMs },
  own,
  now,
}: {
  row: OperatorRow;
  own: Pick<Status, 'my_index' | 'version'>;
  now: number;
}) {
  const isOwn = index === own.my_index;
  const version = isOwn ? own.version : (heard?.version ?? null);
  return (
    <tr id={`peer-${index}`}>
      <th scope="row">
        {card === null ? `${index} unknown` : <a href={`#card-${index}`}>{`${index} ${card.name}`}</a>}
      </th>
      <td>
        {isOwn ? (
          <Chip tone="info">this node</Chip>
        ) : heard === null ? (
          <Chip tone="warn">no card</Chip>
        ) : (
          <State peer={heard} />
        )}
        {heard?.reachable === false && (
          <div class="muted">
            {sentence(heard.detail)}{' '}
            {heard.since !== null && (
              <>
                Since <Time at={heard.since} />.
              </>
            )}
          </div>
        )}
      </td>
      <td>{heard === null ? '–' : <Ago at={heard.heard_at} now={now} />}</td>
      <td class="nowrap">{latencyMs === null ? '–' : `${latencyMs.toFixed(1)} ms`}</td>
      <td class="nowrap">{heard?.clock_offset_ms == null ? '–' : clockText(heard.clock_offset_ms)}</td>
      <td>{card === null ? '–' : <DaysLeft until={card.certificate_expires_at} now={now} />}</td>
      <td>
        {version ?? '–'}
        {version !== null && version !== own.version && (
          <>
            {' '}
            <Chip tone="warn">differs</Chip>
          </>
        )}
      </td>
      <td>{signer === null ? '–' : <Signing signer={signer} />}</td>
    </tr>
  );
}

function State({ peer }: { peer: PeerStatusReport }) {
  const [word, tone, shape] = peerState(peer);
  return (
    <Chip tone={tone} shape={shape}>
      {word}
    </Chip>
  );
}

/** How a peer has behaved as a signer, the faults first. */
function Signing({ signer }: { signer: SignerReport }) {
  const { answered, slow, silent, refused, lying, usual_ms, last } = signer;
  const faults = [
    ...(lying > 0 ? [`${lying} × wrong share`] : []),
    ...(silent > 0 ? [`${silent} × silent`] : []),
    ...(refused > 0 ? [`${refused} × refused`] : []),
    ...(slow > 0 ? [`${slow} × slow`] : []),
  ];
  return (
    <>
      {answered} in time{usual_ms === null ? '' : `, in ${Math.round(usual_ms)} ms`}
      {faults.length > 0 && (
        <div>
          <Chip tone={lying > 0 ? 'bad' : 'warn'}>{faults.join(', ')}</Chip>
        </div>
      )}
      {last !== null && <div class="muted">Last: {sentence(last.detail === '' ? last.reason : last.detail)}</div>}
    </>
  );
}

/** The words of a card in their order, to be read aloud. */
export function Words({ fingerprint }: { fingerprint: string }) {
  return (
    <ol class="words" aria-label="Fingerprint words">
      {fingerprint.split(' ').map((word) => (
        <li>{word}</li>
      ))}
    </ol>
  );
}

/** The cards here with their words. */
export function Cards({ rows, mayAdd }: { rows: readonly OperatorRow[]; mayAdd: boolean }) {
  const missing = rows.filter(({ card }) => card === null).map(({ index }) => index);
  return (
    <Card title="Cards">
      <p>
        Read the words of a card aloud with its owner, over a call in which you know each other's voices. Equal words
        mean an equal card.
      </p>
      {missing.length > 0 && (
        <Notice tone="warn">
          {missing.length === 1 ? 'The card' : 'The cards'} of operator {missing.join(', ')}{' '}
          {missing.length === 1 ? 'is' : 'are'} missing: no ceremony begins without{' '}
          {missing.length === 1 ? 'it' : 'them'}.
        </Notice>
      )}
      {rows.map(({ index, card }) =>
        card === null ? null : (
          <section id={`card-${index}`} aria-label={`Card of ${card.name}`}>
            <h3>
              {index} {card.name}
              {card.self && ' (this node)'} <span class="muted">{card.address}</span>
            </h3>
            <Words fingerprint={card.fingerprint} />
          </section>
        ),
      )}
      {mayAdd && (
        <div class="buttons">
          <ActLink act="peer-add" title="Add an operator card" main={missing.length > 0} />
          <ActLink act="peer-add" title="Replace a card" fields={{ replace: 'on' }} />
        </div>
      )}
    </Card>
  );
}

/** The own card, to be given to the others. `card` null: it cannot be given now, and `fault` says why. */
export function OwnCard({
  card,
  fault,
}: {
  card: { readonly text: string; readonly fingerprint: string } | null;
  fault: string | null;
}) {
  return (
    <Card title="Your card">
      {card === null ? (
        <Notice tone="warn">{sentence(fault ?? 'there is no card yet')}</Notice>
      ) : (
        <>
          <p>Give it to every other operator, by any way; then read these words to each of them.</p>
          <Words fingerprint={card.fingerprint} />
          <div class="buttons">
            <a class="button main" href="/federation/card" download="">
              Download
            </a>
            <button type="button" data-copy="own-card" hidden>
              Copy
            </button>
          </div>
          <details>
            <summary>The card itself</summary>
            <pre id="own-card">{card.text}</pre>
          </details>
        </>
      )}
    </Card>
  );
}

/** Whom each level calls. */
export function Contacts({ report }: { report: CommandResults['contacts'] }) {
  return (
    <Card title="Whom to call">
      {report.levels.every(({ operators }) => operators.every(({ contact }) => contact === null)) ? (
        <Empty>
          <p>
            {report.cards.length === 0
              ? 'No operator card is here yet, and contacts stand on the cards. Add the cards first.'
              : 'No card names anybody. Each operator puts "contacts" into the configuration, and gives the new card to the others.'}
          </p>
        </Empty>
      ) : (
        report.levels.map(({ level, what, role, operators }) => (
          <Table
            caption={`Level ${level}, ${what}: ${role.replaceAll('_', ' ')}`}
            head={['Operator', 'Name', 'Phone', 'Messenger', 'Mail']}
          >
            {operators.map(({ index, name, own, contact, role: found }) => (
              <tr>
                <th scope="row">
                  {index} {name}
                  {own && ' (this node)'}
                </th>
                <Reached contact={contact} isSwitchboard={found === null} />
              </tr>
            ))}
          </Table>
        ))
      )}
    </Card>
  );
}

function Reached({ contact, isSwitchboard }: { contact: Contact | null; isSwitchboard: boolean }) {
  if (contact === null) {
    return (
      <td colspan={4}>
        <Chip tone="warn">nobody</Chip> Its card names nobody. Its operator puts "contacts" into the configuration.
      </td>
    );
  }
  return (
    <>
      <td>
        {contact.name}
        {isSwitchboard && <span class="muted"> (the organisation; nobody has this role)</span>}
      </td>
      <td class="nowrap">{contact.phone ?? '–'}</td>
      <td>{contact.messaging ?? '–'}</td>
      <td>{contact.email ?? '–'}</td>
    </>
  );
}
