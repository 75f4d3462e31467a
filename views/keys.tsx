/** @jsxImportSource hono/jsx */
// Keys: the shares that this node holds, their backups and drills, bringing them back, sealing and unsealing.
import type { CommandResults, KeyReport } from '../operator/runtime/command-types.ts';
import {
  ActLink,
  Ago,
  Card,
  Chip,
  Empty,
  Facts,
  Field,
  Grouped,
  Pager,
  Table,
  Terminal,
  Time,
  type Tone,
} from './kit.tsx';
import { Notice } from './layout.tsx';

/** What this person may do here. */
export interface MayKeys {
  readonly unseal: boolean;
  readonly seal: boolean;
  readonly backup: boolean;
  readonly recover: boolean;
}

const STATUSES: Readonly<Record<string, readonly [string, Tone]>> = {
  live: ['In use', 'ok'],
  pending: ['Not confirmed by all yet', 'warn'],
  retired: ['Retired', 'idle'],
  destroyed: ['Destroyed', 'idle'],
};

/** The federation's keys, newest first. */
export function KeyList({ keys, now }: { keys: readonly KeyReport[]; now: number }) {
  if (keys.length === 0) {
    return (
      <Card title="Keys">
        <Empty>
          <p>
            There is no key yet. All operators make it together, in a key ceremony; no node ever holds the whole of it.
          </p>
          <p>
            <a href="/set-up">What comes before it, step by step</a>
          </p>
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {keys.map((key) => (
        <Key key_={key} now={now} />
      ))}
    </>
  );
}

function Key({ key_: key, now }: { key_: KeyReport; now: number }) {
  const [word, tone] = STATUSES[key.status] ?? [key.status, 'idle'];
  return (
    <Card title={`Key ${key.key_id}`} id={`key-${key.key_id}`}>
      <p>
        <Chip tone={tone}>{word}</Chip> <Shares held={key.shares_held} valid={key.shares_valid} />
      </p>
      <Facts
        of={[
          [
            'Age',
            <>
              <Ago at={key.created_at} now={now} />, since <Time at={key.created_at} />
            </>,
          ],
          ['Signed by', `any ${key.threshold} of ${key.participants} operators; this is operator ${key.my_index}`],
          ['Treasury address', <Grouped text={key.treasury_address} />],
          ['Made in', <a href={`/ceremonies/${encodeURIComponent(key.ceremony_id)}`}>{key.ceremony_id}</a>],
        ]}
      />
      <details>
        <summary>Public keys and transcript</summary>
        <Facts
          of={[
            ['Bitcoin key', <code>{key.bitcoin_public_key}</code>],
            ['Attestation key', <code>{key.attestation_public_key}</code>],
            ['Transcript', <code>{key.transcript_hash}</code>],
          ]}
        />
      </details>
      <Terminal command="key-info" />
    </Card>
  );
}

function Shares({ held, valid }: { held: boolean | null; valid: boolean | null }) {
  if (held === null) return <Chip tone="idle">Shares not looked at: sealed</Chip>;
  if (!held) return <Chip tone="bad">This node lacks its shares</Chip>;
  if (valid === false) return <Chip tone="bad">Shares do not fit the public keys</Chip>;
  return (
    <Chip tone={valid === null ? 'idle' : 'ok'}>{valid === null ? 'Shares held' : 'Shares held, and they fit'}</Chip>
  );
}

/** Whether the keys are in memory, and the way in or out. */
export function Sealing({ sealed, may }: { sealed: boolean; may: MayKeys }) {
  if (sealed) return <SealedNotice may={may.unseal} />;
  return (
    <Card title="Key file">
      <p>
        <Chip tone="ok">Open</Chip> The keys are in the memory of this node, so it can sign.
      </p>
      {may.seal && (
        <>
          <div class="buttons">
            <ActLink act="seal" title="Seal this node" />
          </div>
          <p class="muted">
            Then it signs nothing and its peers cannot reach it, until somebody unseals it with the passphrase.
          </p>
        </>
      )}
      <Terminal command="seal" />
    </Card>
  );
}

/** That the node is sealed, first on every page where it matters. */
export function SealedNotice({ may }: { may: boolean }) {
  return (
    <Notice tone="warn">
      <p>
        <strong>This node is sealed.</strong> Its keys are not in memory: it signs nothing, and its peers cannot reach
        it.
      </p>
      {may ? (
        <a class="button main" href="/keys/unseal">
          Unseal it
        </a>
      ) : (
        <p>An operator, a security officer or an admin has to unseal it.</p>
      )}
    </Notice>
  );
}

/** What was wrong with what was typed, beside its field. */
export interface UnsealFaults {
  readonly passphrase?: string | undefined;
  readonly code?: string | undefined;
  readonly other?: string | undefined;
}

/** The form that opens the key file. */
export function UnsealForm({ file, faults }: { file: string; faults: UnsealFaults }) {
  return (
    <Card title="Unseal this node">
      {faults.other !== undefined && <Notice tone="bad">{faults.other}</Notice>}
      <p>
        The key file is opened and this node joins its peers. It signs once they have answered and it has read the
        chain.
      </p>
      <form action="/keys/unseal" method="post">
        <Field
          name="passphrase"
          label="Passphrase of the key file"
          hint={file}
          type="password"
          required
          autocomplete="off"
          fault={faults.passphrase}
        />
        <Field
          name="code"
          label="Code of your authenticator app"
          hint="Or one of your backup codes. Each code works once, also where the passphrase is wrong."
          type="code"
          required
          fault={faults.code}
        />
        <div class="buttons">
          <button class="main" type="submit">
            Unseal this node
          </button>
        </div>
      </form>
      <Terminal command="unseal" />
    </Card>
  );
}

/** What stands in place of the form once the node is open, whoever opened it. */
export function Unsealed() {
  return (
    <Card title="This node is unsealed">
      <Notice tone="ok">The key file is open. There is nothing left to type here.</Notice>
      <div class="buttons">
        <a class="button main" href="/">
          Go on to the overview
        </a>
        <a class="button" href="/keys">
          Look at the keys
        </a>
      </div>
    </Card>
  );
}

type Backups = CommandResults['backup-list'];
const KINDS = { key_share: 'Key share', database: 'Database' } as const;

/** The last backup and drill, and the list of them. `keyId`: of the key in use. */
export function BackupCard({
  report,
  keyId,
  sealed,
  offset,
  limit,
  now,
  may,
}: {
  report: Backups;
  keyId: string | null;
  sealed: boolean;
  offset: number;
  limit: number;
  now: number;
  may: boolean;
}) {
  const { backups, total, newest } = report;
  return (
    <Card title="Backups and drills">
      <Facts
        of={[
          ['Key share', <Ago at={newest.key_share} now={now} />],
          ['Database', <Ago at={newest.database} now={now} />],
          ['Last drill', <Ago at={newest.drill} now={now} />],
        ]}
      />
      {may && !sealed && (
        <div class="buttons">
          <ActLink act="backup-key-share" title="Back up the key share" main />
        </div>
      )}
      {may && sealed && <p class="muted">The key share can be backed up here once the node is unsealed.</p>}
      <h3>Drill: try a backup</h3>
      <p>
        A drill opens a backup in memory, and tries every share in it against the public keys. It takes the identity
        that opens the backup, which is kept off this machine, so it is held at a terminal. It counts here at once.
      </p>
      <pre>mpc_operator backup verify --input FILE --identity IDENTITY</pre>
      {total === 0 ? (
        <Empty>
          <p>No backup was made yet. Without one, this machine's disk is the only place where its shares are.</p>
        </Empty>
      ) : (
        <BackupTable backups={backups} keyId={keyId} />
      )}
      <Pager {...{ total, limit, offset }} href={(at) => `/keys?offset=${at}`} />
      <Terminal command="backup list" />
    </Card>
  );
}

function BackupTable({ backups, keyId }: { backups: Backups['backups']; keyId: string | null }) {
  return (
    <Table caption="Backups and drills, newest first" head={['When', 'What', 'Of', 'Holds', 'Where', 'SHA-256']}>
      {backups.map(({ event, kind, at, path, bytes, sha256, key_id }) => (
        <tr>
          <td>
            <Time at={at} />
          </td>
          <td>
            <Chip tone={event === 'made' ? 'info' : 'ok'}>{event === 'made' ? 'Made' : 'Drilled'}</Chip>
          </td>
          <td class="nowrap">
            {KINDS[kind]}, {String(bytes)} bytes
          </td>
          <td>
            {kind === 'database'
              ? '–'
              : key_id === null
                ? 'no key'
                : key_id === keyId
                  ? 'the key in use'
                  : `an older key, ${key_id}`}
          </td>
          <td>{path}</td>
          <td>
            <code title={sha256}>{sha256.slice(0, 16)}…</code>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Bringing keys back: in the browser from an exported ceremony, at the terminal from a backup. */
export function BringBack({ sealed, may }: { sealed: boolean; may: boolean }) {
  return (
    <Card title="Bring keys back">
      <h3>This node lacks its shares, and its key file is there</h3>
      <p>Take the ceremony that another operator downloads under Ceremonies. Two people confirm it.</p>
      {may && !sealed && (
        <div class="buttons">
          <ActLink act="ceremony-recover" title="Recover from an exported ceremony" />
        </div>
      )}
      {may && sealed && <p class="muted">It is offered here once the node is unsealed.</p>}
      <h3>The machine or its key file is lost</h3>
      <p>
        A restore replaces files that a running server has open, so it is done at a terminal, with the server stopped:
      </p>
      <pre>
        {`sudo systemctl stop mpc-operator
mpc_operator restore key-share --input FILE --identity IDENTITY
mpc_operator restore database --input FILE --identity IDENTITY
sudo systemctl start mpc-operator
mpc_operator unseal`}
      </pre>
      <ul>
        <li>
          <strong>Never beside a living copy of this node.</strong> Two that sign with one share can give it away.
        </li>
        <li>It shows what it would replace, and asks. What was there is kept under another name.</li>
        <li>Every share is proven before anything is written. Where the node has users, two of them sign in for it.</li>
        <li>
          The key file gets a new passphrase. RPC credentials and the passphrase file of a service are in no backup.
        </li>
        <li>
          The peers show an alarm that this node was put back. That is expected, and it signs once they have answered.
        </li>
        <li>
          Without a backup of the database, leave that line out: the node reads the chain again from its ceremony on.
        </li>
      </ul>
    </Card>
  );
}
