/** @jsxImportSource hono/jsx */
// Payouts: burns that wait and why, the steps of the line with the versions of each in one row, and one burn.
import type { BurnReport, WaitingBurn, WaitingReport } from '../operator/admin/payout-reports.ts';
import type { WithdrawalReport } from '../operator/runtime/command-types.ts';
import { BurnFacts } from './burn-facts.tsx';
import {
  ActLink,
  Ago,
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
import { Notice } from './layout.tsx';
import { sentence, Told } from './overview.tsx';

/** What this person's role may do here. */
export interface PayoutRights {
  readonly payouts: boolean;
  readonly hold: boolean;
  readonly void: boolean;
  readonly veto: boolean;
  readonly consolidate: boolean;
}

const STATES: Readonly<Record<string, readonly [string, Tone]>> = {
  decided: ['Agreed, not signed yet', 'idle'],
  signed: ['Signed, waits for a block', 'info'],
  replaced: ['Replaced', 'idle'],
  passed: ['Passed by another', 'idle'],
  mined: ['Mined', 'ok'],
  settled: ['Settled', 'ok'],
  waiting: ['Waits', 'warn'],
};

/** Where a step or burn stands. */
export function StepChip({ state }: { state: string }) {
  const [word, tone] = STATES[state] ?? [state, 'idle'];
  return <Chip tone={tone}>{word}</Chip>;
}

/** Burns that no mined step pays. */
export function WaitingBurns({
  report,
  page,
  may,
  next,
  now,
}: {
  report: WaitingReport;
  page: { readonly limit: number; readonly offset: number };
  may: PayoutRights;
  /** What happens next where nothing waits. */
  next: string;
  now: number;
}) {
  const { burns, total, line } = report;
  return (
    <Card title="Burns that wait">
      {line.map(({ reason, remedy, top_up_address }) => (
        <Notice tone="warn">
          <strong>The treasury line waits</strong> <span class="muted">({reason})</span>:{' '}
          <Told text={sentence(remedy)} />
          {top_up_address !== null && (
            <div>
              Top-up address: <Grouped text={top_up_address} />
            </div>
          )}
        </Notice>
      ))}
      {total === 0 ? (
        <Empty>
          <p>
            <strong>No burn waits.</strong> {next}
          </p>
        </Empty>
      ) : (
        <>
          <Table
            caption="Burns, the oldest first"
            hideCaption
            head={['Burn', 'Pays', 'Address', 'Age', 'Waits for', 'Acts']}
          >
            {burns.map((one) => (
              <WaitingRow one={one} may={may} now={now} />
            ))}
          </Table>
          <Pager {...page} total={total} href={(offset) => `/payouts?waiting=${offset}`} />
          {may.payouts && (
            <div class="buttons">
              <ActLink act="withdraw" title="Pay waiting burns" main />
              <span class="muted">Operators pay them by themselves in batches; this does it now.</span>
            </div>
          )}
        </>
      )}
      <Terminal command="withdrawals --waiting" />
    </Card>
  );
}

function WaitingRow({ one, may, now }: { one: WaitingBurn; may: PayoutRights; now: number }) {
  const { burn, signed_step, held, reason, remedy, request } = one;
  const fields = { burn_txid: burn.burn_txid };
  return (
    <tr id={`waits-${burn.burn_txid}`}>
      <th scope="row">
        <ShortId id={burn.burn_txid} href={`/payouts/burns/${burn.burn_txid}`} />
      </th>
      <td>
        <Sats sats={burn.pays} />
      </td>
      <td>
        <Grouped text={burn.address} />
      </td>
      <td>
        <Ago at={burn.seen_at} now={now} />
      </td>
      <td>
        {reason !== null && <Chip tone={signed_step === null ? 'warn' : 'info'}>{reason.replaceAll('_', ' ')}</Chip>}
        <div>
          <Told text={sentence(remedy)} />
        </div>
        {signed_step !== null && <ShortId id={signed_step} href={`/payouts/${signed_step}`} />}
        {request !== null && <a href={`/approvals/${request}`}>Decide it</a>}
      </td>
      <td>
        <div class="buttons">
          {may.hold && held === null && <ActLink act="hold" title="Hold" fields={fields} />}
          {may.hold && held !== null && <ActLink act="unhold" title="Release" fields={fields} />}
        </div>
      </td>
    </tr>
  );
}

/** A step with the versions that it replaced. */
export interface StepGroup {
  readonly step: WithdrawalReport;
  readonly versions: readonly WithdrawalReport[];
}

/** Each step with what it has replaced on the same page of the list; one whose successor is elsewhere stands alone. */
export function groupVersions(steps: readonly WithdrawalReport[]): readonly StepGroup[] {
  const listed = new Map(steps.map((step) => [step.txid, step]));
  const lastOf = ({ txid, replaced_by }: WithdrawalReport): string => {
    const seen = new Set([txid]);
    let [at, next] = [txid, replaced_by];
    while (next !== null && listed.has(next) && !seen.has(next)) {
      seen.add(next);
      at = next;
      next = listed.get(next)?.replaced_by ?? null;
    }
    return at;
  };
  const groups = Map.groupBy(steps, lastOf);
  return steps.flatMap((step) => {
    const group = groups.get(step.txid);
    return group === undefined ? [] : [{ step, versions: group.filter(({ txid }) => txid !== step.txid) }];
  });
}

/** The steps of the line. */
export function Steps({
  steps,
  total,
  page,
}: {
  steps: readonly WithdrawalReport[];
  total: number;
  page: { readonly limit: number; readonly offset: number };
}) {
  if (total === 0) {
    return (
      <Empty>
        <p>
          <strong>No step of the treasury line yet.</strong> The first one comes with the first burn that is paid, or
          the first deposits that are swept.
        </p>
      </Empty>
    );
  }
  return (
    <Card title="Steps of the treasury line">
      <Table
        caption="Steps, the newest first"
        hideCaption
        head={['Step', 'State', 'Kind', 'Burns', 'Pays', 'Fee', 'Confirmations', 'Made']}
      >
        {groupVersions(steps).map((group) => (
          <StepRow group={group} />
        ))}
      </Table>
      <Pager {...page} total={total} href={(offset) => `/payouts?offset=${offset}`} />
      <Terminal command="withdrawals" />
    </Card>
  );
}

function StepRow({ group: { step, versions } }: { group: StepGroup }) {
  const { txid, status, kind, burns, miner_fee, fee_rate, confirmations, created_at } = step;
  return (
    <tr id={`step-${txid}`}>
      <th scope="row">
        <ShortId id={txid} href={`/payouts/${txid}`} />
        {versions.length > 0 && (
          <details>
            <summary>
              {versions.length} earlier {versions.length === 1 ? 'version' : 'versions'}
            </summary>
            <ul>
              {versions.map((one) => (
                <li>
                  <ShortId id={one.txid} href={`/payouts/${one.txid}`} /> <StepChip state={one.status} />{' '}
                  {rateText(one.fee_rate)}
                </li>
              ))}
            </ul>
          </details>
        )}
      </th>
      <td>
        <StepChip state={status} />
      </td>
      <td>{kind ?? 'unlisted'}</td>
      <td>{kind === null ? '?' : burns.length}</td>
      <td>
        <Sats sats={paidBy(burns)} />
      </td>
      <td>
        <Sats sats={miner_fee} />
        <div class="muted">{rateText(fee_rate)}</div>
      </td>
      <td>{satsText(confirmations)}</td>
      <td>
        <Time at={created_at} />
      </td>
    </tr>
  );
}

function rateText(rate: number | null): string {
  return rate === null ? '' : `${rate.toFixed(2)} sat/vB`;
}

/** What the addresses of burns get together; null where one of them is not known. */
export function paidBy(burns: WithdrawalReport['burns']): bigint | null {
  let total = 0n;
  for (const { amount, fee } of burns) {
    if (amount === null || fee === null) return null;
    total += BigInt(amount) - BigInt(fee);
  }
  return total;
}

/** One burn. */
export function OneBurn({ report, may, now }: { report: BurnReport; may: PayoutRights; now: number }) {
  const { burn, state, waits, confirmations } = report;
  const fields = { burn_txid: burn.burn_txid };
  return (
    <Card title="Burn">
      <div class="figure">
        <Sats sats={burn.pays} bitcoin />
      </div>
      <p class="address">
        <Grouped text={burn.address} />
      </p>
      <p>
        <StepChip state={state} /> {confirmations > 0 && `${satsText(confirmations)} confirmations`}
      </p>
      {waits !== null && (
        <p>
          <strong>Waits for</strong> <Told text={sentence(waits.remedy)} />
          {waits.reason !== null && <span class="muted"> ({waits.reason})</span>} For{' '}
          <Ago at={burn.seen_at} now={now} /> so far.
        </p>
      )}
      {waits !== null && (
        <div class="buttons">
          {waits.request !== null && (
            <a class="button main" href={`/approvals/${waits.request}`}>
              Decide it
            </a>
          )}
          {may.payouts && waits.signed_step === null && waits.held === null && (
            <ActLink act="withdraw" title="Pay it now" fields={{ burn_txids: burn.burn_txid }} />
          )}
          {may.hold && waits.held === null && <ActLink act="hold" title="Hold" fields={fields} />}
          {may.hold && waits.held !== null && <ActLink act="unhold" title="Release" fields={fields} />}
          {may.veto && report.can_veto && <ActLink act="veto" title="Veto" fields={fields} />}
        </div>
      )}
      <BurnFacts burn={burn} title="As your own Wire nodes show it" />
    </Card>
  );
}

/** The steps that pay a burn, and who vetoed it. */
export function BurnSteps({ report: { steps, vetoes } }: { report: BurnReport }) {
  return (
    <>
      {steps.length === 0 ? (
        <Empty>
          <p>No step that pays it is known here yet.</p>
        </Empty>
      ) : (
        <Card title="Steps that pay it">
          <Table caption="Steps" hideCaption head={['Step', 'State', 'Block', 'Fee', 'Made']}>
            {steps.map(({ txid, state, height, miner_fee, created_at }) => (
              <tr>
                <th scope="row">
                  <ShortId id={txid} href={`/payouts/${txid}`} />
                </th>
                <td>
                  <StepChip state={state} />
                </td>
                <td>{height === null ? '–' : satsText(height)}</td>
                <td>
                  <Sats sats={miner_fee} />
                </td>
                <td>
                  <Time at={created_at} />
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {vetoes.length > 0 && (
        <Card title="Vetoes">
          <Facts of={vetoes.map((id) => ['Veto', <ShortId id={id} href={`/approvals/${id}`} />] as const)} />
        </Card>
      )}
    </>
  );
}
