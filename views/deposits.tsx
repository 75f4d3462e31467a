/** @jsxImportSource hono/jsx */
// Deposits: the list with what each waits for, one deposit, and a recipient's address with its QR code.
import type { DepositAddressReport } from '../operator/admin/deposit-addresses.ts';
import type { DepositDetail } from '../operator/deposit-reports.ts';
import type { DepositReport } from '../operator/runtime/command-types.ts';
import {
  ActLink,
  Card,
  Chip,
  Empty,
  Facts,
  Grouped,
  Pager,
  Sats,
  ShortId,
  satsText,
  Table,
  Terminal,
  Time,
  type Tone,
} from './kit.tsx';
import { Drawn } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

const STATES: Readonly<Record<string, readonly [string, Tone]>> = {
  seen: ['Seen', 'info'],
  confirmed: ['Confirmed', 'info'],
  attested: ['Attested', 'info'],
  minted: ['Minted', 'ok'],
  gone: ['Gone from the chain', 'warn'],
};

/** The statuses that the list can be filtered by, with how many there are. */
export function DepositFilter({
  counts,
  status,
}: {
  counts: Readonly<Record<string, number>>;
  status: string | undefined;
}) {
  return (
    <nav class="buttons" aria-label="Deposits by status">
      <a class="button" href="/deposits" {...(status === undefined && { 'aria-current': 'page' as const })}>
        All
      </a>
      {Object.entries(STATES).map(([name, [word]]) => (
        <a
          class="button"
          href={`/deposits?status=${name}`}
          {...(status === name && { 'aria-current': 'page' as const })}
        >
          {word} <span class="muted">{satsText(counts[name] ?? 0)}</span>
        </a>
      ))}
    </nav>
  );
}

/** How an address is made. */
export function DeriveAddress({ may, hasKey }: { may: boolean; hasKey: boolean }) {
  if (!hasKey) {
    return (
      <Empty>
        <p>There is no key yet, so there are no deposit addresses.</p>
        <p>
          <a href="/ceremonies">Prepare the key ceremony</a>
        </p>
      </Empty>
    );
  }
  return (
    <Card title="A deposit address">
      <p>
        Each recipient on Wire has one Bitcoin address. What is paid to it is attested for that recipient, once it is
        deep enough.
      </p>
      <div class="buttons">
        {may ? (
          <ActLink act="deposit-address" title="Derive an address" main />
        ) : (
          <span class="muted">Your role may not derive addresses. An operator does.</span>
        )}
      </div>
      <form class="search" action="/search" method="get">
        <label class="visually-hidden" for="recipient">
          Find a recipient or an address
        </label>
        <input id="recipient" name="q" placeholder="recipient or address" />
        <button type="submit">Show</button>
      </form>
    </Card>
  );
}

/** The list of deposits. */
export function Deposits({
  deposits,
  total,
  page,
  status,
}: {
  deposits: readonly DepositReport[];
  total: number;
  page: { readonly limit: number; readonly offset: number };
  status: string | undefined;
}) {
  const filter = status === undefined ? '' : `status=${status}&`;
  if (total === 0) {
    return (
      <Empty>
        <p>
          <strong>{status === undefined ? 'No deposit yet.' : `No deposit is ${status}.`}</strong>
        </p>
        <p>
          {status === undefined
            ? 'Derive an address for a recipient and pay to it: the deposit shows here as soon as your Bitcoin nodes see it.'
            : 'Look at all of them, or take another status.'}
        </p>
      </Empty>
    );
  }
  return (
    <Card title="Deposits">
      <DepositTable deposits={deposits} />
      <Pager {...page} total={total} href={(offset) => `/deposits?${filter}offset=${offset}`} />
      <Terminal command="deposits" />
    </Card>
  );
}

function DepositTable({ deposits }: { deposits: readonly DepositReport[] }) {
  return (
    <Table
      caption="Deposits, newest first"
      hideCaption
      head={['Deposit', 'Amount', 'Recipient', 'State', 'Attested', 'Minted', 'Waits for']}
    >
      {deposits.map((deposit) => (
        <tr id={`deposit-${deposit.txid}-${deposit.vout}`}>
          <th scope="row">
            <a href={`/deposits/${deposit.txid}/${deposit.vout}`}>
              <ShortId id={deposit.txid} />:{deposit.vout}
            </a>
          </th>
          <td>
            <Sats sats={deposit.amount} />
          </td>
          <td>
            <ShortId id={deposit.recipient} href={`/deposits/address/${deposit.recipient}`} />
          </td>
          <td>
            <StatusChip status={deposit.status} />
          </td>
          <td>{deposit.attested_at === null ? '–' : <Time at={deposit.attested_at} />}</td>
          <td>{deposit.minted_at === null ? '–' : <Time at={deposit.minted_at} />}</td>
          <td>{deposit.waits_for === null ? '–' : <Told text={sentence(deposit.waits_for)} />}</td>
        </tr>
      ))}
    </Table>
  );
}

function StatusChip({ status }: { status: string }) {
  const [word, tone] = STATES[status] ?? [status, 'idle'];
  return <Chip tone={tone}>{word}</Chip>;
}

/** One deposit. */
export function OneDeposit({ deposit, mayAttest }: { deposit: DepositDetail; mayAttest: boolean }) {
  const { txid, vout, recipient, amount, status, waits_for, attested_at, confirmations } = deposit;
  const fields = { txid, vout: String(vout), recipient, amount };
  const isOpen = attested_at === null && status !== 'gone' && status !== 'minted';
  return (
    <Card title="Deposit">
      <div class="figure">
        <Sats sats={amount} bitcoin />
      </div>
      <p>
        <StatusChip status={status} />
      </p>
      {waits_for !== null && (
        <p>
          <strong>Waits for</strong> <Told text={sentence(waits_for)} />
        </p>
      )}
      <Facts
        of={[
          ['Transaction', <code>{txid}</code>],
          ['Output', String(vout)],
          [
            'Recipient',
            <a href={`/deposits/address/${recipient}`}>
              <code>{recipient}</code>
            </a>,
          ],
          ['First seen', <Time at={deposit.seen_at} />],
          ['Confirmations', `${satsText(confirmations)} of ${deposit.confirmations_needed} needed`],
          ['Block', blockText(deposit)],
        ]}
      />
      {isOpen && mayAttest && (
        <div class="buttons">
          <ActLink act="attest" title="Attest" fields={fields} />
          <span class="muted">Nodes attest by themselves; this tries it now and shows why it does not work.</span>
        </div>
      )}
      <Terminal command={`attest --txid ${txid} --vout ${vout} --recipient ${recipient} --amount ${amount}`} />
    </Card>
  );
}

function blockText({ height, block_hash }: DepositDetail) {
  if (height === null) return 'none yet';
  return (
    <>
      {satsText(height)}
      {block_hash !== null && (
        <>
          {' '}
          <code>{block_hash}</code>
        </>
      )}
    </>
  );
}

/** What the federation has said of a deposit. */
export function Attested({ deposit }: { deposit: DepositDetail }) {
  const { decided_at, signature, nonce, expires_at, minted_at } = deposit;
  if (decided_at === null) {
    return (
      <Empty>
        <p>This node has not agreed to an attestation of it yet.</p>
      </Empty>
    );
  }
  return (
    <Card title="Attestation and mint">
      <Facts
        of={[
          ['Agreed here at', <Time at={decided_at} />],
          ['Nonce', nonce ?? '–'],
          ['Signature', signature === null ? 'not complete yet' : <code>{signature}</code>],
          ['Good until', <Time at={expires_at} />],
          ['Mint seen final', minted_at === null ? 'not yet' : <Time at={minted_at} />],
        ]}
      />
    </Card>
  );
}

/** A recipient's address. `qr`: SVG made by this program of the address alone. */
export function DepositAddress({ report, qr, may }: { report: DepositAddressReport; qr: string | null; may: boolean }) {
  const { recipient, derived, has_key } = report;
  if (derived === null || qr === null) {
    return (
      <Empty>
        <p>
          <strong>This recipient has no address at this node yet.</strong>{' '}
          {has_key ? 'Derive it, and all nodes watch it.' : 'There is no key yet: prepare the key ceremony first.'}
        </p>
        <p>
          Recipient <code>{recipient}</code>
        </p>
        {has_key && may && (
          <div class="buttons">
            <ActLink act="deposit-address" title="Derive the address" fields={{ recipient }} main />
          </div>
        )}
      </Empty>
    );
  }
  return (
    <Card title="Deposit address">
      <div class="beside">
        <Drawn svg={qr} label={`QR code of the address ${derived.address}`} />
        <div>
          <p class="address">
            <Grouped text={derived.address} />
          </p>
          <p>Read it aloud group by group where somebody pays much to it: what is paid elsewhere is lost.</p>
          <Facts
            of={[
              ['Recipient', <code>{recipient}</code>],
              ['Script', <code>{derived.script}</code>],
              ['Watched here since', <Time at={derived.since} />],
            ]}
          />
        </div>
      </div>
      <Terminal command={`deposit-address --recipient ${recipient}`} />
    </Card>
  );
}

/** What was paid to an address. */
export function PaidTo({ deposits }: { deposits: readonly DepositReport[] }) {
  if (deposits.length === 0) {
    return (
      <Empty>
        <p>Nothing has been paid to it yet. A payment shows here as soon as your Bitcoin nodes see it.</p>
      </Empty>
    );
  }
  return (
    <Card title="Paid to it">
      <DepositTable deposits={deposits} />
    </Card>
  );
}
