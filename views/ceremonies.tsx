/** @jsxImportSource hono/jsx */
// Key ceremonies: the agreed date, what must hold at everybody before keys are made, who waits where, and what has been.
import type { CeremonyElsewhere } from '../operator/admin/ceremony-detail.ts';
import type { BoardCheck, BoardRow, PreflightBoard } from '../operator/admin/preflight-board.ts';
import type { CeremonyDateReport, CeremonyReport, CommandResults } from '../operator/runtime/command-types.ts';
import { ActLink, Card, Chip, Empty, Facts, Pager, Table, Terminal, Time, type Tone } from './kit.tsx';
import { sentence, Told } from './overview.tsx';

/** What this person may do here. */
export interface MayDo {
  readonly makeKeys: boolean;
  readonly setDate: boolean;
}

/** The agreed date of the key ceremony, and who accepts it. */
export function CeremonyDate({ dates, may }: { dates: CommandResults['ceremony-schedule-show']; may: MayDo }) {
  const { current, proposals } = dates;
  const others = proposals.filter(({ id }) => id !== current?.id);
  if (current === null) {
    return (
      <Card title="Date">
        <Empty>
          <p>No date of the key ceremony is proposed yet. All operators have to accept the same one.</p>
          {may.setDate && <ActLink act="ceremony-schedule" title="Propose a date" />}
        </Empty>
        <Terminal command="ceremony schedule --at 2027-03-01T14:00Z --backup 2027-03-02T14:00Z" />
      </Card>
    );
  }
  return (
    <Card title="Date">
      <p>
        <Chip tone={current.agreed ? 'ok' : 'warn'}>
          {current.agreed ? 'Agreed by all' : `Accepted by ${current.accepted} of ${current.participants}`}
        </Chip>
      </p>
      <Facts
        of={[
          ['Ceremony', current.ceremony_id === null ? 'not named yet' : <code>{current.ceremony_id}</code>],
          ['Date', <Time at={current.at} />],
          ['If it fails', <Time at={current.backup} />],
          ['Proposed by', `operator ${current.proposed_by} (${current.proposed_by_name})`],
        ]}
      />
      <Answers date={current} />
      {may.setDate && <DateActs date={current} />}
      {others.length > 0 && (
        <details>
          <summary>Earlier proposals: {String(others.length)}</summary>
          <ul>
            {others.map(({ at, proposed_by_name, accepted, participants }) => (
              <li>
                <Time at={at} />, by {proposed_by_name}: accepted by {accepted} of {participants}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function Answers({ date }: { date: CeremonyDateReport }) {
  return (
    <Table caption="Answers" head={['Operator', 'Answer', 'Reason']}>
      {date.answers.map(({ index, name, answer, reason }) => (
        <tr id={`answer-${index}`}>
          <th scope="row">
            {index} {name}
          </th>
          <td>
            <Chip tone={answer === null ? 'idle' : answer === 'accepted' ? 'ok' : 'bad'}>
              {answer === null ? 'Not answered' : answer === 'accepted' ? 'Accepts' : 'Refuses'}
            </Chip>
          </td>
          <td>{reason ?? ''}</td>
        </tr>
      ))}
    </Table>
  );
}

function DateActs({ date: { id } }: { date: CeremonyDateReport }) {
  return (
    <div class="buttons">
      <ActLink act="ceremony-schedule-answer" title="Accept" fields={{ id, answer: 'accepted' }} />
      <ActLink act="ceremony-schedule-answer" title="Refuse" fields={{ id, answer: 'refused' }} />
      <ActLink act="ceremony-schedule" title="Propose another date" />
    </div>
  );
}

/** What a check or an operator is shown as; null is what is not known yet. */
export function verdictOf(ok: boolean | null): readonly [string, Tone] {
  return ok === null ? ['Not known yet', 'idle'] : ok ? ['Passes', 'ok'] : ['Fails', 'bad'];
}

/**
 * Everybody's checks, and the acts that they allow. `hasKey`: then only rehearsals are left. `sealed`: nothing can begin. `names`:
 * what to call the next ones.
 */
export function Preflight({ board, may, ...begin }: { board: PreflightBoard; may: MayDo } & BeginProps) {
  const failing = board.rows.flatMap((row) =>
    row.checks.filter(({ ok }) => ok !== true).map((check) => ({ row, check })),
  );
  return (
    <Card title="Preflight">
      <p>
        <Chip tone={board.isGreen ? 'ok' : 'warn'}>{board.isGreen ? 'Green at everybody' : 'Not green yet'}</Chip>
      </p>
      {failing.length > 0 && (
        <ul>
          {failing.map(({ row, check }) => (
            <li>
              <strong>
                Operator {row.index} ({row.name})
              </strong>
              , {check.name}: <Told text={sentence(check.detail)} />
            </li>
          ))}
        </ul>
      )}
      <BoardTable rows={board.rows} />
      {board.words !== null && (
        <>
          <h3>All settings and cards in words</h3>
          <p class="muted">Read them to each other: they are the same at all operators.</p>
          <Words words={board.words} />
        </>
      )}
      {may.makeKeys && <Begin isGreen={board.isGreen} {...begin} />}
      <Terminal command={`dkg --ceremony-id ${begin.names.rehearsal} --rehearsal`} />
    </Card>
  );
}

interface BeginProps {
  readonly hasKey: boolean;
  readonly sealed: boolean;
  readonly names: { readonly rehearsal: string; readonly key: string };
}

function Begin({ isGreen, hasKey, sealed, names }: BeginProps & { isGreen: boolean }) {
  if (sealed) {
    return (
      <p>
        A sealed node takes part in no ceremony: <a href="/keys/unseal">unseal it</a> first.
      </p>
    );
  }
  return (
    <>
      <div class="buttons">
        <ActLink act="dkg" title="Rehearse" fields={{ ceremony_id: names.rehearsal, rehearsal: 'on' }} main />
        {!hasKey && isGreen && <ActLink act="dkg" title="Begin the key ceremony" fields={{ ceremony_id: names.key }} />}
      </div>
      <p class="muted">
        {hasKey
          ? 'The federation has its key, so only rehearsals can be held.'
          : isGreen
            ? 'Every operator begins it with the same name, and that is the consent of each.'
            : 'The key ceremony itself is offered once every check of everybody passes. A rehearsal may be begun before: it shows what fails.'}
      </p>
    </>
  );
}

function BoardTable({ rows }: { rows: readonly BoardRow[] }) {
  return (
    <Table caption="Checks by operator" hideCaption head={['Operator', 'Checks']}>
      {rows.map(({ index, name, own, ok, checks }) => {
        const [word, tone] = verdictOf(ok);
        return (
          <tr id={`check-${index}`}>
            <th scope="row">
              {index} {name}
              {own && <div class="muted">this node</div>}
            </th>
            <td>
              <Chip tone={tone}>{word}</Chip>
              <CheckList checks={checks} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

/** Checks in a row; each has its word. */
export function CheckList({ checks }: { checks: readonly BoardCheck[] }) {
  return (
    <div class="checks">
      {checks.map(({ name, ok, detail }) => (
        <div>
          <span aria-hidden="true">{ok === null ? '○' : ok ? '✓' : '✗'}</span>{' '}
          <span class="visually-hidden">{verdictOf(ok)[0]}: </span>
          {name} <span class="muted">{detail}</span>
        </div>
      ))}
    </div>
  );
}

/** Words to read aloud, numbered by their order. */
export function Words({ words }: { words: readonly string[] }) {
  return (
    <ol class="words">
      {words.map((word) => (
        <li>{word}</li>
      ))}
    </ol>
  );
}

/** Ceremonies in which others wait for this node. */
export function Elsewhere({ elsewhere, may }: { elsewhere: readonly CeremonyElsewhere[]; may: MayDo }) {
  if (elsewhere.length === 0) return null;
  return (
    <Card title="Others wait for this node">
      {elsewhere.map(({ ceremony_id, rehearsal, operators }) => (
        <>
          <p>
            {operators.join(', ')} {operators.length === 1 ? 'waits' : 'wait'} in the{' '}
            {rehearsal ? 'rehearsal' : 'key ceremony'} <code>{ceremony_id}</code>.
          </p>
          {may.makeKeys && (
            <div class="buttons">
              <ActLink
                act="dkg"
                title={rehearsal ? 'Join the rehearsal' : 'Join the key ceremony'}
                fields={{ ceremony_id, ...(rehearsal && { rehearsal: 'on' }) }}
                main
              />
            </div>
          )}
        </>
      ))}
    </Card>
  );
}

const PHASES: Readonly<Record<string, readonly [string, Tone]>> = {
  done: ['Keys made', 'ok'],
  destroyed: ['Rehearsed, keys destroyed', 'ok'],
  abandoned: ['Abandoned', 'idle'],
  failed: ['Failed', 'bad'],
  aborted: ['Failed', 'bad'],
  interrupted: ['Interrupted', 'warn'],
  idle: ['Left', 'idle'],
  lobby: ['In the lobby', 'info'],
  running: ['Under way', 'info'],
  confirmed: ['Under way', 'info'],
  complete: ['Completing', 'info'],
};

/** A ceremony's phase as a chip. */
export function Phase({ phase }: { phase: string }) {
  const [word, tone] = PHASES[phase] ?? [phase, 'idle'];
  return <Chip tone={tone}>{word}</Chip>;
}

/** Ceremonies, newest first, a page of them. */
export function CeremonyList({
  ceremonies,
  total,
  limit,
  offset,
}: {
  ceremonies: readonly CeremonyReport[];
  total: number;
  limit: number;
  offset: number;
}) {
  if (total === 0) {
    return (
      <Card title="Ceremonies">
        <Empty>
          <p>
            This node has taken part in no ceremony yet. Begin with a rehearsal: it does everything, then destroys the
            keys.
          </p>
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Ceremonies">
      <Table caption="Ceremonies" hideCaption head={['Ceremony', 'State', 'Key', 'Begun', 'What happened']}>
        {ceremonies.map(({ ceremony_id, rehearsal, phase, key_id, created_at, detail }) => (
          <tr id={`ceremony-${ceremony_id}`}>
            <th scope="row">
              <a href={`/ceremonies/${encodeURIComponent(ceremony_id)}`}>{ceremony_id}</a>
              {rehearsal && <span class="muted"> (rehearsal)</span>}
            </th>
            <td>
              <Phase phase={phase} />
            </td>
            <td class="nowrap">{key_id === null ? '–' : <code>{key_id}</code>}</td>
            <td>
              <Time at={created_at} />
            </td>
            <td>
              <div class="checks">
                <Told text={sentence(detail)} />
              </div>
            </td>
          </tr>
        ))}
      </Table>
      <Pager {...{ total, limit, offset }} href={(at) => `/ceremonies?offset=${at}`} />
    </Card>
  );
}
