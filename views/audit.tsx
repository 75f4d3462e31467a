/** @jsxImportSource hono/jsx */
// The audit log: searched, filtered, verified, exported.
import type { AuditListReport, AuditVerifyReport } from '../operator/audit-reports.ts';
import { Card, Empty, Facts, Field, Pager, ShortId, satsText, Table, Time } from './kit.tsx';
import { Notice } from './layout.tsx';

/** The filter as the address of the page has it. `faults`: what is wrong with it, by field. */
export interface AuditQuery {
  readonly kind: string;
  readonly text: string;
  readonly from: string;
  readonly to: string;
  readonly faults: Readonly<Record<string, string>>;
}

/** The address of a page of the filtered log. */
export function auditHref({ kind, text, from, to }: AuditQuery, offset: number): string {
  const given = { kind, text, from, to, offset: offset === 0 ? '' : String(offset) };
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== '')).toString();
  return query === '' ? '/security/audit' : `/security/audit?${query}`;
}

/** The fields of the filter, and what can be done with the whole log. `searched`: so many of the newest are searched for a text. */
export function AuditFilterForm({ query, searched }: { query: AuditQuery; searched: number }) {
  const { kind, text, from, to, faults } = query;
  return (
    <Card title="Find">
      <form action="/security/audit" method="get" class="filters">
        <Field
          name="kind"
          label="Kind"
          hint="Such as act_authorised. Several: with commas."
          value={kind}
          fault={faults['kind']}
        />
        <Field
          name="text"
          label="Text"
          hint={`Searched in the newest ${satsText(searched)} entries.`}
          value={text}
          fault={faults['text']}
        />
        <Field name="from" label="From (UTC)" type="datetime-local" value={from} fault={faults['from']} />
        <Field name="to" label="Before (UTC)" type="datetime-local" value={to} fault={faults['to']} />
        <div class="buttons">
          <button class="main" type="submit">
            Find
          </button>
          <a class="button" href="/security/audit">
            Show all
          </a>
        </div>
      </form>
      <div class="buttons">
        <form action="/security/audit/verify" method="post" class="inline">
          <button type="submit">Verify the whole log</button>
        </form>
        <a class="button" href="/security/audit/export" download="">
          Export the whole log
        </a>
      </div>
    </Card>
  );
}

/** A page of the entries that the filter lets through, the newest first. */
export function AuditEntries({
  report: { entries, total, head },
  query,
  offset,
  limit,
}: {
  report: AuditListReport;
  query: AuditQuery;
  offset: number;
  limit: number;
}) {
  return (
    <Card title="Entries">
      {entries.length === 0 ? (
        <Empty>
          <p>
            {head.seq === 0
              ? 'The audit log is empty: this node has decided nothing yet.'
              : 'No entry fits. Take a part of the filter away, or show all.'}
          </p>
        </Empty>
      ) : (
        <Table caption="Entries of the audit log" hideCaption head={['Entry', 'Time', 'Kind', 'Contents']}>
          {entries.map(({ seq, at, kind, body }) => (
            <tr id={`entry-${seq}`}>
              <th scope="row">{seq}</th>
              <td>
                <Time at={at} />
              </td>
              <td>
                <a href={auditHref({ ...query, kind }, 0)}>{kind}</a>
              </td>
              <td>
                <Body body={body} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <Pager total={total} limit={limit} offset={offset} href={(to) => auditHref(query, to)} />
      <p class="muted">
        The log ends with entry {head.seq}, <code>{head.hash}</code>. The other operators keep that too.
      </p>
    </Card>
  );
}

const SHOWN_CHARACTERS_MAX = 400;

// Names with their values; what is long is opened by whoever wants it.
function Body({ body }: { body: unknown }) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return <code>{textOf(body)}</code>;
  const fields = Object.entries(body);
  if (fields.length === 0) return <span class="muted">–</span>;
  const shown = fields.map(([name, value], at) => (
    <>
      {at > 0 && ', '}
      <span class="muted">{name}</span> <Value text={textOf(value)} />
    </>
  ));
  if (JSON.stringify(body).length <= SHOWN_CHARACTERS_MAX) return <span>{shown}</span>;
  return (
    <details>
      <summary>
        {fields.length === 1 ? '1 field' : `${fields.length} fields`}: {fields.map(([name]) => name).join(', ')}
      </summary>
      {shown}
    </details>
  );
}

function Value({ text }: { text: string }) {
  return /^[0-9a-f]{64}$/.test(text) ? <ShortId id={text} /> : <span>{text}</span>;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Whether each entry goes with the one before. */
export function AuditVerdict({ report: { ok, entries, head, broken } }: { report: AuditVerifyReport }) {
  return (
    <Card title="The log, verified">
      {ok || broken === null ? (
        <Notice tone="ok">Every one of {entries} entries goes with the one before it.</Notice>
      ) : (
        <Notice tone="bad">
          Entry {broken.seq} is broken: {broken.detail}. The {entries} before it are whole. Keep the database as it is,
          and find out who changed it.
        </Notice>
      )}
      <Facts
        of={[
          ['Last entry', String(head.seq)],
          ['Its hash', <code>{head.hash}</code>],
        ]}
      />
      <p class="muted">Entries that are missing at the end only the other operators notice, who keep this hash.</p>
      <div class="buttons">
        <a class="button" href="/security/audit">
          Back to the log
        </a>
      </div>
    </Card>
  );
}
