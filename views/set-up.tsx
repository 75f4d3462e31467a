/** @jsxImportSource hono/jsx */
// The set-up of a new organisation: each step as it stands, what to do next, and the command that does the same.
import type { SetUpAct, SetUpStep } from '../operator/admin/set-up-steps.ts';
import { ActLink, Card, Chip, Terminal, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

const STATES: Readonly<Record<SetUpStep['state'], readonly [string, Tone]>> = {
  done: ['Done', 'ok'],
  open: ['Open', 'idle'],
  unknown: ['Not looked at yet', 'idle'],
};

/** How far the set-up is. */
export function SetUpProgress({ steps }: { steps: readonly SetUpStep[] }) {
  const done = steps.filter(({ state }) => state === 'done').length;
  const next = steps.find(({ state }) => state !== 'done');
  if (next === undefined) {
    return (
      <Notice tone="ok">
        <p>
          <strong>Everything is set up.</strong> What is left is to <a href="/federation">enable the service</a> once
          the tests have passed.
        </p>
      </Notice>
    );
  }
  return (
    <Notice tone="info">
      <p>
        {String(done)} of {String(steps.length)} steps are done. <strong>Next:</strong>{' '}
        <a href={`#step-${next.id}`}>{next.title}</a>.
      </p>
    </Notice>
  );
}

/** One step. `isNext`: it is the first that is not done. */
export function SetUpStepCard({
  step,
  number,
  isNext,
  may,
}: {
  step: SetUpStep;
  number: number;
  isNext: boolean;
  may: (act: SetUpAct) => boolean;
}) {
  const { id, title, state, seen, remedies, acts, link, command } = step;
  const [word, tone] = STATES[state];
  const offered = acts.filter(may);
  return (
    <Card title={`${number}. ${title}`} id={`step-${id}`}>
      <p>
        <Chip tone={isNext ? 'info' : tone}>{isNext ? 'Next' : word}</Chip>
      </p>
      {remedies.length > 0 && (
        <ul>
          {remedies.map((line) => (
            <li>
              <strong>Do:</strong> <Told text={sentence(line)} />
            </li>
          ))}
        </ul>
      )}
      {state === 'done' && seen.length > 3 ? (
        <details>
          <summary>What was looked at: {String(seen.length)} things, all well</summary>
          <Seen lines={seen} />
        </details>
      ) : (
        <Seen lines={seen} />
      )}
      {(offered.length > 0 || link !== null) && (
        <div class="buttons">
          {offered.map(({ act, title: what, fields }) => (
            <ActLink act={act} title={what} fields={fields} main={isNext} />
          ))}
          {link !== null && (
            <a class="button" href={link.href}>
              {link.text}
            </a>
          )}
        </div>
      )}
      {acts.length > offered.length && <p class="muted">Your role may not do this: ask somebody whose role may.</p>}
      <Terminal command={command} />
    </Card>
  );
}

function Seen({ lines }: { lines: readonly string[] }) {
  return (
    <ul>
      {lines.map((line) => (
        <li>
          <Told text={sentence(line)} />
        </li>
      ))}
    </ul>
  );
}

/** First on the overview while there is no key: where the set-up stands. */
export function SetUpFirst() {
  return (
    <Notice tone="info">
      <p>
        <strong>This node has no key yet.</strong> The set-up takes it from here to a working member, step by step.
      </p>
      <a class="button main" href="/set-up">
        Go on with the set-up
      </a>
    </Notice>
  );
}
