/** @jsxImportSource hono/jsx */
// One key ceremony while it is held, and after: who is awaited, every participant in every step, the transcript in words.
import type { CeremonyCell, CeremonyDetail, CeremonyRow } from '../operator/admin/ceremony-detail.ts';
import { CheckList, type MayDo, Phase, Words } from './ceremonies.tsx';
import { ActLink, Ago, Card, Chip, durationText, Empty, Facts, Table, Terminal, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

/** Where the ceremony stands, in sentences: what goes on, who is awaited first, whose fault it is. */
export function CeremonyHead({ detail: { ceremony, awaited, rows }, now }: { detail: CeremonyDetail; now: number }) {
  const { rehearsal, phase, detail, coordinator, attempt, created_at, updated_at, key_id } = ceremony;
  const [first] = awaited;
  const name = rows.find(({ index }) => index === coordinator)?.name;
  return (
    <Card title={rehearsal ? 'Rehearsal' : 'Key ceremony'}>
      <p>
        <Phase phase={phase} /> {rehearsal && <Chip tone="info">No keys stay</Chip>}
      </p>
      <p>
        <Told text={sentence(detail)} />
      </p>
      {first !== undefined && (
        <p>
          <strong>
            Awaited first: operator {first.index} ({first.name})
          </strong>
          , for <Ago at={first.since} now={now} />. Call them.
        </p>
      )}
      <Blame rows={rows} />
      <Facts
        of={[
          ['Begun', <Time at={created_at} />],
          ['Last step', <Time at={updated_at} />],
          [
            'Coordinator',
            coordinator === null ? 'not known yet' : `operator ${coordinator}${name === undefined ? '' : ` (${name})`}`,
          ],
          ...(attempt === null ? [] : [['Attempt', <code>{attempt}</code>] as const]),
          ...(key_id === null ? [] : [['Key', <code>{key_id}</code>] as const]),
        ]}
      />
    </Card>
  );
}

function Blame({ rows }: { rows: readonly CeremonyRow[] }) {
  const named = rows.filter(({ state }) => state === 'blamed' || state === 'suspected');
  if (named.length === 0) return null;
  return (
    <Notice tone="bad">
      {named.map(({ index, name, state, detail }) => (
        <p>
          <strong>
            Operator {index} ({name})
          </strong>{' '}
          {state === 'blamed' ? 'is to blame' : 'is one of those of whom one is to blame'}: {sentence(detail)}
        </p>
      ))}
    </Notice>
  );
}

const STATES: Readonly<Record<CeremonyRow['state'], readonly [string, Tone]>> = {
  done: ['Done', 'ok'],
  awaited: ['Awaited', 'warn'],
  declined: ['Cannot join', 'bad'],
  check_failed: ['A check fails', 'bad'],
  suspected: ['Suspected', 'bad'],
  blamed: ['Blamed', 'bad'],
};

/** Every participant in every step. */
export function CeremonyMatrix({ detail: { rows, steps, isUnderWay }, now }: { detail: CeremonyDetail; now: number }) {
  if (rows.length === 0) {
    return (
      <Card title="Participants">
        <Empty>
          <p>
            This node took no further part, or was started or sealed since, so it no longer knows who was asked for
            what.
          </p>
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Participants">
      <div class="matrix">
        <Table
          caption="Participants and steps"
          hideCaption
          head={['Operator', isUnderWay ? 'Now' : 'In the end', ...steps.map(({ text }) => text)]}
        >
          {steps.length > 0 && (
            <tr id="step-times">
              <th scope="row">Begun at</th>
              <td />
              {steps.map(({ at }) => (
                <td>
                  <time datetime={at}>{at.slice(11, 19)}Z</time>
                </td>
              ))}
            </tr>
          )}
          {rows.map((row) => (
            <Participant row={row} now={now} />
          ))}
        </Table>
      </div>
      {steps.length > 0 && (
        <p class="muted">
          The coordinator asks everybody; the other nodes ask the coordinator alone, so most cells are empty there. A
          time is how long the answer took.
        </p>
      )}
    </Card>
  );
}

function Participant({ row, now }: { row: CeremonyRow; now: number }) {
  const { index, name, own, state, detail, since, hindrance, checks, cells } = row;
  const [word, tone] = STATES[state];
  return (
    <tr id={`participant-${index}`}>
      <th scope="row">
        {index} {name}
        {own && <div class="muted">this node</div>}
      </th>
      <td>
        <Chip tone={tone}>{word}</Chip>
        {since !== null && (
          <div class="muted">
            for <Ago at={since} now={now} />
          </div>
        )}
        {(hindrance ?? detail) !== '' && <div>{<Told text={sentence(hindrance ?? detail)} />}</div>}
        {checks.length > 0 && <CheckList checks={checks} />}
      </td>
      {cells.map((cell) => (
        <td>
          <Cell cell={cell} now={now} />
        </td>
      ))}
    </tr>
  );
}

function Cell({ cell: { state, since, until }, now }: { cell: CeremonyCell; now: number }) {
  if (since === null || state === 'not_asked') return <span class="muted">–</span>;
  if (state === 'awaited') {
    return (
      <Chip tone="warn">
        awaited <Ago at={since} now={now} />
      </Chip>
    );
  }
  if (state === 'silent') return <Chip tone="bad">never answered</Chip>;
  return (
    <span class="nowrap">
      <span aria-hidden="true">✓</span> {shortText(Date.parse(until ?? since) - Date.parse(since))}
    </span>
  );
}

function shortText(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : durationText(ms);
}

/** What all confirmed, to be read aloud and kept. */
export function CeremonyTranscript({ detail: { ceremony, words, hasFile } }: { detail: CeremonyDetail }) {
  const { ceremony_id, transcript_hash } = ceremony;
  if (words === null || transcript_hash === null) return null;
  return (
    <Card title="Transcript">
      <p>Read these words to each other. They are the same at all operators, or these did not make the same keys.</p>
      <Words words={words} />
      <Facts of={[['SHA-256 of the whole', <code>{transcript_hash}</code>]]} />
      {hasFile && (
        <>
          <div class="buttons">
            <a
              class="button"
              href={`/ceremonies/${encodeURIComponent(ceremony_id)}/file`}
              download={`${ceremony_id}.json`}
            >
              Download the ceremony
            </a>
          </div>
          <p class="muted">
            The file is public: the transcript and everybody's signature over it. With it, another node gets its shares
            back.
          </p>
        </>
      )}
      <Terminal command={`ceremony show ${ceremony_id} --output ${ceremony_id}.json`} />
    </Card>
  );
}

/** What can be done about a ceremony that is not over. */
export function CeremonyActs({ detail: { ceremony }, may }: { detail: CeremonyDetail; may: MayDo }) {
  const { ceremony_id, rehearsal, phase } = ceremony;
  const isOver = phase === 'done' || phase === 'destroyed' || phase === 'abandoned';
  if (isOver || !may.makeKeys) return null;
  const mayRejoin = phase === 'failed' || phase === 'aborted' || phase === 'idle';
  return (
    <Card title="What you can do">
      <div class="buttons">
        {mayRejoin && (
          <ActLink
            act="dkg"
            title="Join it again"
            fields={{ ceremony_id, ...(rehearsal && { rehearsal: 'on' }) }}
            main
          />
        )}
        <ActLink act="ceremony-abandon" title="Abandon it" fields={{ ceremony_id }} />
      </div>
      <p class="muted">Abandoning is for good: the next ceremony needs another name.</p>
      <Terminal command={`ceremony abandon ${ceremony_id}`} />
    </Card>
  );
}
