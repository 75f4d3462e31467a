/** @jsxImportSource hono/jsx */
// What became of the acts on keys and ceremonies, in sentences: what was made, what to compare with the others, what comes next.
import type { Child } from 'hono/jsx';
import type { Json } from '../crypto/canonical-json.ts';
import type { ActReport } from '../operator/admin/acts.ts';
import { Facts } from './kit.tsx';

type Result = Readonly<Record<string, Json>>;

/** The result of an act on keys; null for acts of others, and while there is none. */
export function KeyActResult({ act, isOwn }: { act: ActReport; isOwn: boolean }): Child {
  const { state, command } = act;
  if (command === 'dkg' && state.kind === 'running') {
    return (
      <p>
        <a href={ceremonyHref(paramOf(act, 'ceremony_id'))}>Watch every participant in every step</a>
      </p>
    );
  }
  const result = state.kind === 'done' ? fieldsOf(state.result) : null;
  if (result === null) return null;
  switch (command) {
    case 'dkg':
      return <KeysMade result={result} />;
    case 'ceremony-recover':
      return <Recovered result={result} />;
    case 'ceremony-abandon':
      return <Abandoned result={result} />;
    case 'backup-key-share':
      return <BackupMade act={act} result={result} isOwn={isOwn} />;
    case 'seal':
      return (
        <p>
          The keys have left the memory of this node. <a href="/keys/unseal">Unseal it</a> to go on.
        </p>
      );
    default:
      return null;
  }
}

function KeysMade({ result }: { result: Result }) {
  const id = text(result, 'ceremony_id');
  const proven = lists(result, 'proven');
  const isRehearsal = result['rehearsal'] === true;
  return (
    <>
      <p>
        {isRehearsal
          ? 'The rehearsal has succeeded, and its keys are destroyed.'
          : `The keys are live. This federation's key is ${text(result, 'key_id')}.`}{' '}
        {proven.length === 0
          ? 'No subset has signed a test yet.'
          : 'Each share has signed: these operators together made signatures of both keys that verify.'}
      </p>
      {proven.length > 0 && (
        <ul>
          {proven.map((subset) => (
            <li>operators {subset.join(', ')}</li>
          ))}
        </ul>
      )}
      <PublicKeys result={result} />
      <p>
        <strong>Next:</strong> <a href={ceremonyHref(id)}>read the words of the transcript to each other</a>,{' '}
        {isRehearsal ? (
          <>
            then hold <a href="/ceremonies">the ceremony itself</a> at the agreed time.
          </>
        ) : (
          <>
            then <a href="/acts/new/backup-key-share">back up this node's shares</a>.
          </>
        )}
      </p>
    </>
  );
}

function Recovered({ result }: { result: Result }) {
  return (
    <>
      <p>
        The key {text(result, 'key_id')} is live here again.{' '}
        {text(result, 'shares') === 'kept'
          ? 'Its shares were still in the key file.'
          : 'Its shares were computed anew from the host secret of this node and the exported ceremony.'}
      </p>
      <PublicKeys result={result} />
      <p>
        <strong>Next:</strong>{' '}
        <a href={ceremonyHref(text(result, 'ceremony_id'))}>
          compare the words of the transcript with another operator
        </a>
        , then <a href="/acts/new/backup-key-share">back up this node's shares</a>.
      </p>
    </>
  );
}

function Abandoned({ result }: { result: Result }) {
  const id = text(result, 'ceremony_id');
  return (
    <>
      <p>
        {id} is abandoned here. The next <a href="/ceremonies">ceremony</a> needs another name.
      </p>
      {result['may_be_live_elsewhere'] === true && (
        <p>
          <strong>This node had confirmed it.</strong> Ask the others whether they hold its keys. If they do, take what
          one of them exports and <a href="/acts/new/ceremony-recover">recover the key</a>.
        </p>
      )}
    </>
  );
}

function BackupMade({ act, result, isOwn }: { act: ActReport; result: Result; isOwn: boolean }) {
  const keys = strings(result, 'key_ids');
  return (
    <>
      <p>
        {keys.length === 0
          ? 'The backup holds no key yet: make another after the key ceremony.'
          : `The backup holds the shares of ${keys.join(', ')}.`}{' '}
        Only the holder of the recipient's identity can open it.
      </p>
      {isOwn ? (
        <>
          <div class="buttons">
            <a class="button main" href={`/acts/${act.id}/file`} download="">
              Download the backup
            </a>
          </div>
          <p>
            It counts as a backup once it is downloaded. The file is here for an hour. Keep two copies off this machine,
            and try one:
          </p>
          <pre>mpc_operator backup verify --input FILE --identity IDENTITY</pre>
        </>
      ) : (
        <p>{act.by} has asked for it, and alone can download it.</p>
      )}
    </>
  );
}

function PublicKeys({ result }: { result: Result }) {
  return (
    <Facts
      of={[
        ['Bitcoin key', <code>{text(result, 'bitcoin_public_key')}</code>],
        ['Attestation key', <code>{text(result, 'attestation_public_key')}</code>],
        ['Transcript', <code>{text(result, 'transcript_hash')}</code>],
      ]}
    />
  );
}

function ceremonyHref(id: string): string {
  return `/ceremonies/${encodeURIComponent(id)}`;
}

// What an act was asked with stands in the text that was confirmed.
function paramOf({ text: confirmed }: ActReport, name: string): string {
  const whole: Json = JSON.parse(confirmed);
  return text(fieldsOf(fieldsOf(whole)?.['params'] ?? null) ?? {}, name);
}

function fieldsOf(value: Json): Result | null {
  return value === null || typeof value !== 'object' || isList(value) ? null : value;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function text(of: Result, name: string): string {
  const value = of[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function strings(of: Result, name: string): readonly string[] {
  const value = of[name] ?? null;
  return isList(value) ? value.map(String) : [];
}

function lists(of: Result, name: string): readonly (readonly string[])[] {
  const value = of[name] ?? null;
  return isList(value) ? value.map((one) => (isList(one) ? one.map(String) : [])) : [];
}
