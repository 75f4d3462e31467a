/** @jsxImportSource hono/jsx */
// Acts of Federation, Security and System: what a person compares before one, and what became of it, in sentences.
import type { ActReport } from '../operator/admin/acts.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import type { DeliveryReport } from '../operator/runtime/incident-command-types.ts';
import { Words } from './federation.tsx';
import { Card, Facts, Table, Time } from './kit.tsx';
import { Notice } from './layout.tsx';
import { LinksTable } from './links.tsx';
import { sentence } from './overview.tsx';

/** The card that an act adds, with the words to compare before it is confirmed; nothing for other acts. */
export function CardToCompare({ act: { command, text } }: { act: ActReport }) {
  if (command !== 'peer-add') return null;
  const { subject }: { readonly subject: CardSubject | null } = JSON.parse(text);
  if (subject === null) return null;
  const { card, replaces } = subject;
  return (
    <>
      <h3>
        Operator {card.index}, {card.name}, at {card.address}
      </h3>
      <p>These words must be the same on the screen of its owner. Read them aloud over a call before you go on.</p>
      <Words fingerprint={card.fingerprint} />
      {replaces !== null && replaces.fingerprint !== card.fingerprint && (
        <Notice tone="warn">
          This node has another card of operator {card.index} ({replaces.name}). It is replaced, and its words count no
          longer:
          <Words fingerprint={replaces.fingerprint} />
        </Notice>
      )}
      {replaces !== null && replaces.fingerprint === card.fingerprint && <p>This node has this very card already.</p>}
    </>
  );
}

interface CardSubject {
  readonly card: {
    readonly index: number;
    readonly name: string;
    readonly address: string;
    readonly fingerprint: string;
  };
  readonly replaces: { readonly name: string; readonly fingerprint: string } | null;
}

/** What became of an act, for whoever asked for it. `result`: as JSON; null for others, and while there is none. */
export function HouseActResult({ act, result }: { act: ActReport; result: string | null }) {
  if (result === null) return null;
  switch (act.command) {
    case 'peer-add':
      return <CardAdded result={result} />;
    case 'test-communication':
      return <LinksTested result={result} />;
    case 'enable-service':
    case 'disable-service':
      return <ServiceSet result={result} />;
    case 'emergency-pause':
    case 'emergency-resume':
      return <PauseSet result={result} />;
    case 'policy-set':
      return <PolicySet act={act} />;
    case 'tls-rotate':
      return <CertificateMade result={result} />;
    case 'checklist-confirm':
      return <Next text="The box is ticked with your name." href="/security/checklist" link="Back to the checklist" />;
    case 'incident-test-notify':
      return <Notified result={result} />;
    case 'escalate':
    case 'incident-acknowledge':
    case 'incident-respond':
    case 'incident-plan':
    case 'incident-close':
      return <IncidentTold result={result} />;
    default:
      return act.command.startsWith('user-') ? <UserChanged act={act} /> : null;
  }
}

function Next({ text, href, link }: { text: string; href: string; link: string }) {
  return (
    <>
      <p>{text}</p>
      <p>
        <a href={href}>{link}</a>
      </p>
    </>
  );
}

function CardAdded({ result }: { result: string }) {
  const { index, name, fingerprint, replaced }: CommandResults['peer-add'] = JSON.parse(result);
  return (
    <>
      <p>
        This node has the card of operator {index} ({name}){replaced && ', in place of the one before'}. Its words:
      </p>
      <Words fingerprint={fingerprint} />
      <p>
        <a href="/federation">Back to the federation</a>
      </p>
    </>
  );
}

function LinksTested({ result }: { result: string }) {
  const { peers, ok }: CommandResults['test-communication'] = JSON.parse(result);
  const wrong = peers.filter(({ fits }) => !fits).length;
  return (
    <>
      <p>
        {peers.length === 0
          ? 'No card of another operator is here, so nobody was asked.'
          : ok
            ? 'Every operator answers and fits.'
            : `${wrong} of ${peers.length} operators ${wrong === 1 ? 'does' : 'do'} not fit.`}
      </p>
      {peers.length > 0 && <LinksTable peers={peers} />}
    </>
  );
}

function ServiceSet({ result }: { result: string }) {
  const { state, does, enabled, threshold, participants }: CommandResults['enable-service'] = JSON.parse(result);
  return (
    <>
      <p>
        The service is {state} here. {enabled} of {participants} operators are enabled and answer; {threshold} are
        needed.
      </p>
      <ul>
        {does.map((line) => (
          <li>{line}</li>
        ))}
      </ul>
    </>
  );
}

function PauseSet({ result }: { result: string }) {
  const { pauses, ignored }: CommandResults['emergency-pause'] = JSON.parse(result);
  const text =
    pauses.length === 0
      ? 'This node signs again.'
      : 'This node signs nothing. What is signed already can still be mined: look at the payouts that wait.';
  return (
    <>
      <Next text={text} href="/federation#emergency" link="Who else is paused" />
      {ignored.map(({ asked_by, until }) => (
        <p>
          A pause that operator {asked_by} asks of the federation is ignored here until <Time at={until} />.
        </p>
      ))}
    </>
  );
}

function PolicySet({ act: { text } }: { act: ActReport }) {
  const { params }: { readonly params: { readonly name: string; readonly values: readonly string[] } } =
    JSON.parse(text);
  const now = `${params.name} is now ${params.values.join(', ')}. Approvals that were given before are void.`;
  return <Next text={now} href="/security/policy" link="Back to the policy" />;
}

function CertificateMade({ result }: { result: string }) {
  const { fingerprint, until, taken, missing }: CommandResults['tls-rotate'] = JSON.parse(result);
  return (
    <>
      <p>
        The new certificate is made. Old and new hold side by side until <Time at={until} />.
      </p>
      <Facts
        of={[
          ['Its SHA-256', <code>{fingerprint}</code>],
          ['Taken by operator', taken.length === 0 ? 'none yet' : taken.join(', ')],
        ]}
      />
      {missing.length > 0 && (
        <Table caption="Who has not taken it yet, and is told again" head={['Operator', 'Why']}>
          {missing.map(({ index, detail }) => (
            <tr>
              <th scope="row">{index}</th>
              <td>{sentence(detail)}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

function Notified({ result }: { result: string }) {
  const { ok, detail, output }: CommandResults['incident-test-notify'] = JSON.parse(result);
  return (
    <>
      {ok ? (
        <p>The command ran. See whether the test message reaches you.</p>
      ) : (
        <Notice tone="bad">The command failed: {sentence(detail)}</Notice>
      )}
      {output !== '' && <pre>{output}</pre>}
    </>
  );
}

function IncidentTold({ result }: { result: string }) {
  const {
    incident,
    delivery,
    contacts = [],
  }: CommandResults['incident-close'] & Partial<CommandResults['escalate']> = JSON.parse(result);
  return (
    <>
      <p>
        <a href={`/federation/incidents/${incident.id}`}>
          Incident {incident.id}, level {incident.level ?? 'unknown'}
        </a>
        : {incident.summary}
      </p>
      <Delivery delivery={delivery} />
      {contacts.length > 0 && (
        <Table caption="Call now" head={['Operator', 'Name', 'Phone', 'Messenger', 'Mail']}>
          {contacts
            .filter(({ own }) => !own)
            .map(({ index, name, contact }) => (
              <tr>
                <th scope="row">
                  {index} {name}
                </th>
                <td>{contact?.name ?? 'its card names nobody'}</td>
                <td class="nowrap">{contact?.phone ?? '–'}</td>
                <td>{contact?.messaging ?? '–'}</td>
                <td>{contact?.email ?? '–'}</td>
              </tr>
            ))}
        </Table>
      )}
    </>
  );
}

function Delivery({ delivery: { told, untold } }: { delivery: DeliveryReport }) {
  return (
    <>
      <p>{told.length === 0 ? 'No other operator has it yet.' : `Told already: operator ${told.join(', ')}.`}</p>
      {untold.length > 0 && (
        <ul>
          {untold.map(({ index, name, detail }) => (
            <li>
              Operator {index} ({name}) does not have it yet: {sentence(detail)} It is told again; call it.
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const USER_ACTS: Readonly<Record<string, (user: string) => string>> = {
  'user-unlock': (user) => `${user} can sign in again at once.`,
  'user-disable': (user) => `${user} can no longer sign in, and every session of theirs has ended.`,
  'user-enable': (user) => `${user} can sign in again.`,
  'user-delete': (user) => `${user} is gone. The audit log keeps the name.`,
  'user-set-role': (user) => `${user} has the new role. They sign in anew to use it.`,
};

function UserChanged({ act: { command, text } }: { act: ActReport }) {
  const { params }: { readonly params: { readonly user: string } } = JSON.parse(text);
  const what = USER_ACTS[command]?.(params.user);
  return what === undefined ? null : <Next text={what} href="/security/users" link="Back to the users" />;
}

/** Offers a result that is shown once, to whoever asked for it. */
export function RevealOnce({ id }: { id: string }) {
  return (
    <Card title="The code">
      <p>It is shown once, to you alone. Have the way ready by which you give it to that person.</p>
      <form action={`/acts/${id}/reveal`} method="post" class="buttons">
        <button class="main" type="submit">
          Show the code now
        </button>
      </form>
    </Card>
  );
}

/** A reset code, shown this once. */
export function ResetCode({ result }: { result: CommandResults['user-reset'] }) {
  const { user, kind, code, expires_at } = result;
  const what = kind === 'totp' ? 'a new authenticator app' : 'a new password';
  return (
    <Card title={`Reset code of ${user}`}>
      <Notice tone="warn">It is shown only now. Copy it before you leave this page.</Notice>
      <pre class="figure" id="reset-code">
        {code}
      </pre>
      <div class="buttons">
        <button type="button" data-copy="reset-code" hidden>
          Copy
        </button>
        <a class="button" href="/security/users">
          I have it: go on
        </a>
      </div>
      <p>
        Give it to <strong>{user}</strong> alone, by a way that only they read. On the page <code>/reset</code> they set{' '}
        {what} with it and with the factor that they still have. It is good until <Time at={expires_at} />.
      </p>
    </Card>
  );
}
