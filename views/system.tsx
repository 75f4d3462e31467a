/** @jsxImportSource hono/jsx */
// System: each Bitcoin and Wire node by itself, certificates, settings, reports, what the log remembers.
import type { ConfigShown } from '../operator/admin/config-shown.ts';
import type { BackendReport, CommandResults } from '../operator/runtime/command-types.ts';
import type { RememberedFault } from '../operator/runtime/event-watch.ts';
import { DaysLeft } from './federation.tsx';
import { ActLink, Ago, Card, Chip, Empty, Facts, Field, satsText, Table, Time } from './kit.tsx';
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

type Status = CommandResults['status'];

/** The own nodes of one ledger, each by itself. */
export function Backends({
  title,
  nodes,
  now,
  empty,
}: {
  title: string;
  nodes: readonly BackendReport[];
  now: number;
  empty: string;
}) {
  const well = nodes.filter(({ ok }) => ok).length;
  return (
    <Card title={title}>
      {nodes.length === 0 ? (
        <Empty>
          <p>{empty}</p>
        </Empty>
      ) : (
        <>
          <p>
            {well} of {nodes.length} {well === 1 && nodes.length === 1 ? 'is' : 'are'} well.
          </p>
          <Table caption={title} hideCaption head={['Node', 'State', 'Height', 'As of', 'What is wrong']}>
            {nodes.map(({ url, ok, height, detail, answered_at, since }) => (
              <tr id={`backend-${url.replaceAll(/[^a-z0-9]+/gi, '-')}`}>
                <th scope="row">
                  <code>{url}</code>
                </th>
                <td>
                  <Chip tone={ok ? 'ok' : 'bad'} shape={ok ? undefined : '⊘'}>
                    {ok ? 'Well' : answered_at === null ? 'Silent' : 'Not well'}
                  </Chip>
                </td>
                <td class="nowrap">{height === null ? '–' : satsText(height)}</td>
                <td class="nowrap">
                  {answered_at === null ? (
                    'it never answered'
                  ) : (
                    <>
                      <Ago at={answered_at} now={now} /> ago
                    </>
                  )}
                </td>
                <td>
                  {!ok && sentence(detail)}
                  {since !== null && (
                    <div class="muted">
                      Since <Time at={since} />
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </Card>
  );
}

/** The certificates that this node shows: to its peers, and to browsers. */
export function Certificates({
  status,
  adminExpires,
  adminFile,
  now,
  mayRotate,
}: {
  status: Pick<Status, 'certificate_expires_at' | 'certificates'>;
  /** ISO 8601; null where the file cannot be read. */
  adminExpires: string | null;
  adminFile: string;
  now: number;
  mayRotate: boolean;
}) {
  const { certificate_expires_at: expires, certificates } = status;
  const rotation = certificates?.rotation ?? null;
  const overlaps = certificates?.overlaps ?? [];
  return (
    <Card title="Certificates">
      <Facts
        of={[
          ['For the other operators', expires === null ? 'no card yet' : <Left until={expires} now={now} />],
          ['For browsers', adminExpires === null ? 'cannot be read' : <Left until={adminExpires} now={now} />],
        ]}
      />
      {rotation !== null && (
        <Notice tone="info">
          A new certificate is on its way until <Time at={rotation.until} />.{' '}
          {rotation.missing.length === 0
            ? 'Every operator has it.'
            : `It is missing at operator ${rotation.missing.map(({ index, detail }) => `${index} (${detail})`).join(', ')}.`}
        </Notice>
      )}
      {overlaps.length > 0 && (
        <p>
          Two certificates hold for operator{' '}
          {overlaps.map(({ index, until }) => `${index} until ${until.slice(0, 16).replace('T', ' ')}Z`).join(', ')}.
        </p>
      )}
      <p class="muted">
        The one for browsers is <code>{adminFile}</code>. A node renews the one that it made itself when it starts
        within its last 30 days.
      </p>
      {mayRotate && rotation === null && (
        <div class="buttons">
          <ActLink act="tls-rotate" title="Renew the certificate for the others" />
        </div>
      )}
    </Card>
  );
}

function Left({ until, now }: { until: string; now: number }) {
  return (
    <>
      <DaysLeft until={until} now={now} /> left, until <Time at={until} />
    </>
  );
}

/** Which version each operator runs. */
export function Versions({ status }: { status: Pick<Status, 'version' | 'peers' | 'my_index' | 'name'> }) {
  const { version, peers, my_index, name } = status;
  const other = peers.filter((peer) => peer.version !== null && peer.version !== version);
  return (
    <Card title="Versions">
      <p>
        {other.length === 0
          ? 'No operator is known to run another version than this node.'
          : `${other.length === 1 ? 'One operator runs' : `${other.length} operators run`} another version: agree on one and update.`}
      </p>
      <Table caption="Versions" hideCaption head={['Operator', 'Version']}>
        <tr id={`version-${my_index}`}>
          <th scope="row">
            {my_index} {name} (this node)
          </th>
          <td>{version}</td>
        </tr>
        {peers.map((peer) => (
          <tr id={`version-${peer.index}`}>
            <th scope="row">
              {peer.index} {peer.name}
            </th>
            <td>
              {peer.version ?? 'not heard yet'} {other.includes(peer) && <Chip tone="warn">differs</Chip>}
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

/** The configuration file as it is read. */
export function Settings({
  config: { file, rows, fault, changedAt },
  unit,
}: {
  config: ConfigShown;
  unit: string | null;
}) {
  return (
    <Card title="Configuration">
      <p>
        Read from <code>{file}</code>. Nothing here changes it but the policy: edit the file, then check it and restart
        the server.
      </p>
      {changedAt !== null && (
        <Notice tone="warn">
          The file has changed since <Time at={changedAt} />; the server still works with what it read at its start.
        </Notice>
      )}
      {fault !== null && <Notice tone="bad">It cannot be read: {sentence(fault)}</Notice>}
      <details>
        <summary>{rows.length} keys</summary>
        <Table caption="Keys of the configuration" hideCaption head={['Key', 'Value', 'It must be']}>
          {rows.map(({ key, value, isHidden, what }) => (
            <tr>
              <th scope="row">
                <code>{key}</code>
              </th>
              <td>
                {value.split('\n').map((line) => (
                  <div>
                    <code>{line}</code>
                  </div>
                ))}
                {isHidden && <span class="muted">A part that may let somebody in is not shown.</span>}
              </td>
              <td>{what ?? 'an unknown key'}</td>
            </tr>
          ))}
        </Table>
      </details>
      <ServiceHints unit={unit} />
    </Card>
  );
}

function ServiceHints({ unit }: { unit: string | null }) {
  if (unit === null) {
    return (
      <p>
        The server does not run as a service of this machine, so it does not come back by itself:{' '}
        <code>mpc_operator service install</code> makes it one.
      </p>
    );
  }
  return (
    <details>
      <summary>Service and log on the machine</summary>
      <pre>{`mpc_operator config check
sudo systemctl restart ${unit}
systemctl status ${unit}
journalctl -u ${unit} --since -1h`}</pre>
    </details>
  );
}

/** Asks for a report of some days. */
export function Reports({ today, fault }: { today: string; fault: string | null }) {
  return (
    <Card title="Reports">
      <p>
        Money, fees, signing, uptime and changes of whole days (UTC), as <code>generate-report</code> makes them.
      </p>
      {fault !== null && <Notice tone="bad">{sentence(fault)}</Notice>}
      <form action="/system/report" method="get" class="filters">
        <Field
          name="period"
          label="Days"
          type="select"
          options={[
            ['daily', 'yesterday'],
            ['weekly', 'the last whole week, from Monday'],
            ['monthly', 'the last whole month'],
            ['dates', 'from and to, as below'],
          ]}
        />
        <Field name="from" label="From" hint={`A date, such as ${today}.`} />
        <Field name="to" label="To, that day included" hint="Empty: that one day." />
        <Field
          name="format"
          label="As"
          type="select"
          options={[
            ['html', 'HTML, one file with charts'],
            ['md', 'Markdown'],
            ['json', 'JSON'],
          ]}
        />
        <div class="buttons">
          <button class="main" type="submit">
            Download
          </button>
          <span class="muted">A year may take some seconds.</span>
        </div>
      </form>
    </Card>
  );
}

/** Faults that the log told of, the newest first. */
export function Faults({ faults, now }: { faults: readonly RememberedFault[]; now: number }) {
  return (
    <Card title="Faults of late">
      {faults.length === 0 ? (
        <Empty>
          <p>No fault is remembered since the server started. The log on the machine has every line.</p>
        </Empty>
      ) : (
        <Table caption="Faults of late" hideCaption head={['Last', 'Since', 'What', 'Cause', 'Do']}>
          {faults.map(({ subject, cause, action, since, last_at, detail }) => (
            <tr>
              <td class="nowrap">
                <Ago at={last_at} now={now} /> ago
              </td>
              <td>
                <Time at={since} />
              </td>
              <th scope="row">{subject}</th>
              <td>
                {sentence(cause)} {detail !== '' && <span class="muted">{sentence(detail)}</span>}
              </td>
              <td>
                <Told text={sentence(action)} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
