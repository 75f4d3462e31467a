/** @jsxImportSource hono/jsx */
// An act on its way: its form, what it will do and who has to confirm it, what became of it.
import type { Json } from '../crypto/canonical-json.ts';
import type { ActReport } from '../operator/admin/acts.ts';
import { ActResult } from './act-results.tsx';
import { CardToCompare, HouseActResult } from './act-results-house.tsx';
import { KeyActResult } from './act-results-keys.tsx';
import { ActSubject } from './act-subject.tsx';
import { Card, Chip, Empty, Facts, Field, type FieldProps, Terminal, Time, type Tone } from './kit.tsx';
import { FactorFields, Notice } from './layout.tsx';
import { sentence } from './overview.tsx';

/** The form of an act. */
export function ActForm({
  command,
  title,
  fields,
  refused,
}: {
  command: string;
  title: string;
  fields: readonly FieldProps[];
  refused: string | null;
}) {
  return (
    <Card title={title}>
      {refused !== null && <Notice tone="bad">{refused}</Notice>}
      <form action={`/acts/new/${command}`} method="post" data-draft="" enctype="multipart/form-data">
        {fields.map((field) => (
          <Field {...field} />
        ))}
        <div class="buttons">
          <button class="main" type="submit">
            {title}
          </button>
          <span class="muted">You see what it will do before anything is done.</span>
        </div>
      </form>
    </Card>
  );
}

const STATES: Readonly<Record<ActReport['state']['kind'], readonly [string, Tone]>> = {
  asked: ['Waits for your confirmation', 'info'],
  awaits_second: ['Waits for a second person', 'warn'],
  running: ['Under way', 'info'],
  done: ['Done', 'ok'],
  failed: ['Failed', 'bad'],
  withdrawn: ['Withdrawn', 'idle'],
};

/** Where an act stands: what it does, and by whom. */
export function ActSummary({ act }: { act: ActReport }) {
  const [word, tone] = STATES[act.state.kind];
  return (
    <Card title={act.title}>
      <p>
        <Chip tone={tone}>{word}</Chip>
      </p>
      {act.says.map((line) => (
        <p>{line}</p>
      ))}
      <CardToCompare act={act} />
      <ActSubject text={act.text} />
      <Facts
        of={[
          ['Asked by', act.by],
          ['Asked at', <Time at={act.asked_at} />],
          ...(act.second === null ? [] : [['Second person', act.second] as const]),
          ['Digest', <code>{act.digest}</code>],
        ]}
      />
      <details>
        <summary>Exactly what is done</summary>
        <p class="muted">The digest is the SHA-256 of this text. A passkey signs that digest.</p>
        <pre>{act.text}</pre>
      </details>
      <Terminal command={act.terminal} />
    </Card>
  );
}

/** The form that confirms an act. */
export function Confirm({
  act,
  isSecond,
  hasPasskeys,
  fault,
}: {
  act: ActReport;
  isSecond: boolean;
  hasPasskeys: boolean;
  fault: string | null;
}) {
  return (
    <Card title={isSecond ? 'Confirm as the second person' : 'Confirm'}>
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      {act.needs_second && !isSecond && (
        <p>After you, a second person of another role confirms it in a session of their own.</p>
      )}
      <form action={`/acts/${act.id}/confirm`} method="post">
        <input type="hidden" name="digest" value={act.digest} />
        <FactorFields options={hasPasskeys ? `/acts/${act.id}/passkey` : null} />
        <p class="muted">A code proves that it is you. Only a passkey proves that you saw this very act.</p>
        <div class="buttons">
          <button class="main" type="submit">
            {act.title}
          </button>
        </div>
      </form>
      <form action={`/acts/${act.id}/withdraw`} method="post">
        <button type="submit">Do not do this</button>
      </form>
    </Card>
  );
}

/** What is under way, or what became of it. */
export function Outcome({ act, result }: { act: ActReport; result: Json | null }) {
  const { state, progress } = act;
  return (
    <Card title="What happens">
      {progress.length > 0 && (
        <ol>
          {progress.map((line) => (
            <li>{sentence(line)}</li>
          ))}
        </ol>
      )}
      {state.kind === 'running' && <p>It is under way. This page shows what happens; you may leave it.</p>}
      {state.kind === 'failed' && (
        <Notice tone="bad">
          {sentence(state.message)} <span class="muted">({state.code})</span>
        </Notice>
      )}
      {state.kind === 'done' && <Notice tone="ok">Done.</Notice>}
      {state.kind === 'withdrawn' && <p>Nothing was done.</p>}
      <KeyActResult act={act} isOwn={result !== null} />
      {result !== null && <ActResult command={act.command} result={result} />}
      <HouseActResult act={act} result={result === null ? null : JSON.stringify(result)} />
      {result !== null && (
        <details>
          <summary>The whole result</summary>
          <pre>{JSON.stringify(result, null, 2)}</pre>
        </details>
      )}
    </Card>
  );
}

/** Why an act waits, for somebody who cannot confirm it. */
export function WaitsFor({ text }: { text: string }) {
  return (
    <Empty>
      <p>{text}</p>
    </Empty>
  );
}

/** What an act is about has changed since it was shown: the difference. */
export function Changed({ before, after }: { before: string; after: string }) {
  const [old, now] = [before.split('\n'), after.split('\n')];
  return (
    <Card title="This has changed since you saw it">
      <Notice tone="warn">
        Nothing was done. The page below shows what it is now: look at it again, and confirm it if it is still right.
      </Notice>
      <h3>Before</h3>
      <pre>{old.filter((line) => !now.includes(line)).join('\n') || '(nothing)'}</pre>
      <h3>Now</h3>
      <pre>{now.filter((line) => !old.includes(line)).join('\n') || '(nothing)'}</pre>
    </Card>
  );
}
