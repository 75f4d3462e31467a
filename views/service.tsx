/** @jsxImportSource hono/jsx */
// Who does real work, and who is paused.
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { ActLink, Ago, Card, Chip, Table, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

const SERVICE: Readonly<Record<'off' | 'enabled' | 'disabled', readonly [string, Tone]>> = {
  off: ['Never enabled', 'idle'],
  enabled: ['Enabled', 'ok'],
  disabled: ['Disabled', 'warn'],
};

function ServiceChip({ state }: { state: keyof typeof SERVICE | null }) {
  if (state === null) return <Chip tone="idle">Unknown</Chip>;
  const [word, tone] = SERVICE[state];
  return <Chip tone={tone}>{word}</Chip>;
}

/** Who does real work, and what this node would begin. */
export function Service({
  report,
  now,
  mayEnable,
  mayDisable,
}: {
  report: CommandResults['service-status'];
  now: number;
  mayEnable: boolean;
  mayDisable: boolean;
}) {
  const { state, since, does, would_begin, missing, peers, enabled, threshold, participants, open } = report;
  const isEnabled = state === 'enabled';
  return (
    <Card title="Service">
      <p>
        <ServiceChip state={state} /> here
        {since !== null && (
          <>
            {' '}
            for <Ago at={since} now={now} />
          </>
        )}
        . {enabled} of {participants} are enabled and answer; {threshold} are needed.{' '}
        {open === false && <strong>The bridge does not work now.</strong>}
      </p>
      <h3>What this node does now</h3>
      <ul>
        {does.map((line) => (
          <li>
            <Told text={line} />
          </li>
        ))}
      </ul>
      {!isEnabled && (
        <details>
          <summary>What it would do once enabled</summary>
          <ul>
            {would_begin.map((line) => (
              <li>{line}</li>
            ))}
          </ul>
        </details>
      )}
      <Table caption="Service of the others" head={['Operator', 'Service', 'Heard']}>
        {peers.map(({ index, name, state: told, heard_at, counts, paused }) => (
          <tr id={`service-${index}`}>
            <th scope="row">
              {index} {name}
            </th>
            <td>
              <ServiceChip state={told} /> {paused && <Chip tone="warn">Paused</Chip>}
              {told === 'enabled' && !counts && !paused && <span class="muted"> but it does not answer</span>}
            </td>
            <td>
              <Ago at={heard_at} now={now} />
            </td>
          </tr>
        ))}
      </Table>
      {!isEnabled && missing !== null && <Notice tone="warn">It cannot be enabled yet: {missing}.</Notice>}
      <div class="buttons">
        {!isEnabled && missing === null && mayEnable && (
          <ActLink act="enable-service" title="Enable the service" main />
        )}
        {isEnabled && mayDisable && <ActLink act="disable-service" title="Disable the service" />}
      </div>
    </Card>
  );
}

/** Pauses that hold here, those that are ignored, and who else is paused. */
export function Emergency({
  report,
  now,
  mayPause,
  mayResume,
}: {
  report: CommandResults['emergency-status'];
  now: number;
  mayPause: boolean;
  mayResume: boolean;
}) {
  const { pauses, ignored, peers } = report;
  const paused = peers.filter(({ paused_since }) => paused_since !== null);
  return (
    <Card title="Emergency" id="emergency">
      {pauses.length === 0 ? (
        <p>This node is not paused.</p>
      ) : (
        pauses.map(({ scope, asked_by, reason, since }) => (
          <Notice tone="bad">
            <strong>This node signs nothing</strong> for <Ago at={since} now={now} />: operator {asked_by} paused{' '}
            {scope === 'federation' ? 'the whole federation' : 'this node'}. Reason: {sentence(reason)}
          </Notice>
        ))
      )}
      {ignored.map(({ asked_by, reason, until }) => (
        <Notice tone="warn">
          A federation pause of operator {asked_by} is ignored until <Time at={until} />, because this node was resumed
          from one of the same operator. Its reason: {sentence(reason)}
        </Notice>
      ))}
      <p>
        {paused.length === 0
          ? 'No other operator says that it is paused.'
          : `Paused as well: ${paused.map(({ index, name }) => `${index} ${name}`).join(', ')}.`}
      </p>
      <div class="buttons">
        {pauses.length > 0 && mayResume && <ActLink act="emergency-resume" title="Resume signing" main />}
        {pauses.length === 0 && mayPause && <ActLink act="emergency-pause" title="Pause signing" />}
        {pauses.length === 0 && mayPause && (
          <ActLink act="emergency-pause" title="Pause the federation" fields={{ federation: 'on' }} />
        )}
      </div>
      <p class="muted">Resuming takes a second person of another role, unless one person runs this node.</p>
    </Card>
  );
}
