/** @jsxImportSource hono/jsx */
// The treasury: what it holds, its line drawn from the root to what waits, and what fees came in and went out by day.
import type { DrawnStep, LineReport } from '../operator/admin/payout-reports.ts';
import type { CommandResults, TreasuryReport } from '../operator/runtime/command-types.ts';
import { ActLink, Ago, Card, Chip, Empty, Facts, Grouped, Sats, ShortId, satsText, Table, Terminal } from './kit.tsx';
import { sentence } from './overview.tsx';
import { type PayoutRights, StepChip } from './payouts.tsx';

const STATES: Readonly<Record<TreasuryReport['state'], string>> = {
  not_funded: 'Not funded',
  funded: 'Funded, not open yet',
  opening: 'Opening',
  open: 'Open',
};

/** Where there is no key. */
export function NoTreasury() {
  return (
    <Empty>
      <p>
        <strong>No key yet, so there is no treasury.</strong>
      </p>
      <p>
        <a href="/ceremonies">Prepare the key ceremony</a>
      </p>
    </Empty>
  );
}

/** What the treasury holds. */
export function Treasury({
  report: { treasury },
  next,
  may,
}: {
  report: LineReport;
  /** Where it stands in one line, with what to do next. */
  next: string;
  may: PayoutRights;
}) {
  const { state, root, tip, balance, surplus, fee_reserve, strays, address, consolidate_addresses } = treasury;
  const isOpen = state === 'open';
  const above = surplus === null ? 0n : BigInt(surplus) - BigInt(fee_reserve);
  return (
    <Card title="Treasury">
      <p>
        <Chip tone={isOpen ? 'ok' : 'warn'}>{STATES[state]}</Chip>
      </p>
      {!isOpen && <p>{sentence(next)}</p>}
      <Facts
        of={[
          ['Address', <Grouped text={address} />],
          ['Balance', <Sats sats={balance} bitcoin />],
          ['Surplus', <Sats sats={surplus} />],
          ['Fee reserve', <Sats sats={fee_reserve} />],
          ['Top-ups not swept yet', `${strays.count}, ${satsText(strays.amount)} sats`],
          ['Root', root === null ? 'none yet' : <Outpoint txid={root.txid} vout={root.vout} />],
          ['Tip', tip === null ? 'none yet' : <Outpoint txid={tip.txid} vout={tip.vout} />],
          ['Steps so far', tip === null ? '0' : satsText(tip.depth)],
        ]}
      />
      {!isOpen && state !== 'not_funded' && may.payouts && (
        <div class="buttons">
          <ActLink act="treasury-open" title="Open the treasury" main />
        </div>
      )}
      {isOpen && <Consolidate addresses={consolidate_addresses} above={above} may={may} />}
      <p>
        <a href="/payouts/fees">Fees by day</a>
      </p>
      <Terminal command="treasury" />
    </Card>
  );
}

function Outpoint({ txid, vout }: { txid: string; vout: number }) {
  return (
    <>
      <ShortId id={txid} />:{vout}
    </>
  );
}

function Consolidate({ addresses, above, may }: { addresses: readonly string[]; above: bigint; may: PayoutRights }) {
  if (!may.consolidate) return null;
  if (addresses.length === 0) {
    return (
      <p class="muted">
        The surplus can be paid nowhere: this operator’s policy has no <code>consolidate_addresses</code>.{' '}
        <a href="/security">Set them</a>, as the other operators have to.
      </p>
    );
  }
  if (above <= 0n) return <p class="muted">The surplus is not above the fee reserve, so nothing of it is paid out.</p>;
  return (
    <div class="buttons">
      {addresses.map((address) => (
        <ActLink act="consolidate-fees" title="Pay out the surplus" fields={{ address }} />
      ))}
      <span class="muted">{satsText(above)} sats are above the reserve.</span>
    </div>
  );
}

const ROW = 46;

interface Dot {
  readonly look: 'dot' | 'dot tip' | 'dot waits';
  readonly title: string;
  readonly detail: string;
}

function dots({ treasury, mined, left_out, waiting }: LineReport): readonly Dot[] {
  const { root } = treasury;
  if (root === null) return [];
  const last = mined.length - 1;
  return [
    { look: mined.length === 0 ? 'dot tip' : 'dot', title: 'Root', detail: `${satsText(root.amount)} sats` },
    ...(left_out > 0 ? [{ look: 'dot' as const, title: `${satsText(left_out)} steps`, detail: 'mined before' }] : []),
    ...mined.map((step, index) => ({
      look: index === last ? ('dot tip' as const) : ('dot' as const),
      title: `${kindText(step)}${index === last ? ' (tip)' : ''}`,
      detail: `${satsText(step.treasury)} sats, block ${satsText(step.height ?? 0)}`,
    })),
    ...waiting.map((step) => ({
      look: 'dot waits' as const,
      title: `${kindText(step)} (waits)`,
      detail: `${satsText(step.treasury)} sats, ${rateText(step)}`,
    })),
  ];
}

function kindText({ depth, kind, burns }: DrawnStep): string {
  const pays = burns === null || burns === 0 ? '' : `, ${burns} ${burns === 1 ? 'burn' : 'burns'}`;
  return `Step ${depth}: ${kind ?? 'unlisted'}${pays}`;
}

function rateText({ fee_rate }: DrawnStep): string {
  return fee_rate === null ? 'fee unknown' : `${fee_rate.toFixed(2)} sat/vB`;
}

/** The line, drawn downwards from the root. */
export function TheLine({ report, may, now }: { report: LineReport; may: PayoutRights; now: number }) {
  const drawn = dots(report);
  const { mined, waiting, left_out } = report;
  if (drawn.length === 0) {
    return (
      <Empty>
        <p>
          <strong>The line has not begun.</strong> It begins with the root, once the treasury is opened.
        </p>
      </Empty>
    );
  }
  const count = left_out + mined.length;
  const steps = count === 1 ? '1 step is' : `${satsText(count)} steps are`;
  const text = `After the root ${steps} mined; ${waiting.length === 0 ? 'none waits' : `${waiting.length} wait`} for a block.`;
  const height = drawn.length * ROW;
  return (
    <Card title="The line">
      <p>{text}</p>
      <svg class="chart bounded" viewBox={`0 0 340 ${height}`} role="img">
        <title>The treasury line from its root to what waits</title>
        <desc>{`${text} ${drawn.map(({ title, detail }) => `${title}: ${detail}`).join('. ')}.`}</desc>
        <line class="axis" x1="16" x2="16" y1="16" y2={String(height - ROW + 16)} />
        {drawn.map(({ look, title, detail }, index) => (
          <>
            <circle class={look} cx="16" cy={String(index * ROW + 16)} r="8" />
            <text x="36" y={String(index * ROW + 14)}>
              {title}
              <tspan x="36" dy="15">
                {detail}
              </tspan>
            </text>
          </>
        ))}
      </svg>
      <details>
        <summary>The same as a table</summary>
        <LineTable steps={[...mined, ...waiting]} now={now} />
      </details>
      {waiting.length > 0 && <Waiting waiting={waiting} may={may} now={now} />}
    </Card>
  );
}

function Waiting({ waiting, may, now }: { waiting: readonly DrawnStep[]; may: PayoutRights; now: number }) {
  return (
    <>
      <h3>Waits for a block</h3>
      <ul>
        {waiting.map((step) => (
          <li>
            <ShortId id={step.txid} href={`/payouts/${step.txid}`} />: {rateText(step)}, for{' '}
            <Ago at={step.created_at} now={now} />
          </li>
        ))}
      </ul>
      <div class="buttons">
        {may.payouts && <ActLink act="bump" title="Raise the fee" />}
        {may.void && <ActLink act="void" title="Void unmined steps" />}
      </div>
    </>
  );
}

function LineTable({ steps, now }: { steps: readonly DrawnStep[]; now: number }) {
  return (
    <Table caption="Steps" hideCaption head={['Step', 'State', 'Treasury after it', 'Fee', 'Block', 'Age']}>
      {steps.map((step) => (
        <tr>
          <th scope="row">
            {step.depth} <ShortId id={step.txid} href={`/payouts/${step.txid}`} />
          </th>
          <td>
            <StepChip state={step.state} />
          </td>
          <td>
            <Sats sats={step.treasury} />
          </td>
          <td>
            <Sats sats={step.miner_fee} /> <span class="muted">{rateText(step)}</span>
          </td>
          <td>{step.height === null ? '–' : satsText(step.height)}</td>
          <td>
            <Ago at={step.created_at} now={now} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

type Fees = CommandResults['fees'];

/** How many days a chart may show. */
export const FEE_DAYS = [7, 30, 90, 365] as const;

/** Fees by day; null where the treasury is not open. */
export function FeesByDay({ fees, days }: { fees: Fees | null; days: number }) {
  if (fees === null) {
    return (
      <Empty>
        <p>
          <strong>The treasury is not open yet, so no fees came in.</strong> <a href="/payouts">See what it needs</a>
        </p>
      </Empty>
    );
  }
  const { total, surplus, fee_reserve, above_reserve, incomplete_steps } = fees;
  return (
    <Card title={`Fees of the last ${days} days`}>
      <nav class="buttons" aria-label="Days">
        {FEE_DAYS.map((one) => (
          <a
            class="button"
            href={`/payouts/fees?days=${one}`}
            {...(one === days && { 'aria-current': 'page' as const })}
          >
            {one} days
          </a>
        ))}
      </nav>
      <Facts
        of={[
          ['Came in from burns', <Sats sats={total.burn_fees} />],
          ['Paid to miners', <Sats sats={total.miner_fees} />],
          ['Top-ups', <Sats sats={total.top_ups} />],
          ['Consolidated', <Sats sats={total.consolidated} />],
          ['Surplus now', <Sats sats={surplus} />],
          [
            'Of it above the reserve',
            <>
              <Sats sats={above_reserve} /> <span class="muted">(reserve {satsText(fee_reserve)} sats)</span>
            </>,
          ],
        ]}
      />
      {incomplete_steps > 0 && (
        <p class="muted">
          {incomplete_steps} mined steps are not known in full here yet, so the figures are too small: the node asks its
          peers.
        </p>
      )}
      {fees.days.length === 0 ? (
        <Empty>
          <p>No step was mined in these days. Take more days, or wait for the next payout.</p>
        </Empty>
      ) : (
        <FeeChart days={fees.days} />
      )}
      <p>Fees stay in the treasury as its surplus, until a consolidation pays them out.</p>
      <Terminal command={`fees --days ${days}`} />
    </Card>
  );
}

const CHART_WIDTH = 720;
const CHART_HEIGHT = 160;

// Charts need no more than a double holds.
function FeeChart({ days }: { days: Fees['days'] }) {
  const most = Math.max(1, ...days.flatMap((day) => [Number(day.burn_fees), Number(day.miner_fees)]));
  const place = CHART_WIDTH / days.length;
  const bar = Math.min(24, place * 0.35);
  const high = (sats: string) => (Number(sats) / most) * (CHART_HEIGHT - 24);
  const [first, last] = [days[0]?.date ?? '', days.at(-1)?.date ?? ''];
  const text = `From ${first} to ${last} at most ${satsText(most)} sats came in or went out on one day. Only days on which steps were mined are shown.`;
  return (
    <>
      <p>{text}</p>
      <section class="scroll" tabindex={0} aria-label="Fees by day, drawn">
        <svg class="chart broad" viewBox={`0 0 ${CHART_WIDTH} ${CHART_HEIGHT + 24}`} role="img">
          <title>Fees by day</title>
          <desc>{text}</desc>
          <text x="0" y="12">
            Left bars: from burns. Right bars: to miners.
          </text>
          {days.map((day, index) => {
            const x = index * place + place / 2;
            return (
              <>
                <Bar x={x - bar - 1} width={bar} height={high(day.burn_fees)} look="bar ours" />
                <Bar x={x + 1} width={bar} height={high(day.miner_fees)} look="bar fee" />
              </>
            );
          })}
          <line class="axis" x1="0" x2={String(CHART_WIDTH)} y1={String(CHART_HEIGHT)} y2={String(CHART_HEIGHT)} />
          <text x="0" y={String(CHART_HEIGHT + 18)}>
            {first}
          </text>
          <text x={String(CHART_WIDTH)} y={String(CHART_HEIGHT + 18)} text-anchor="end">
            {last}
          </text>
        </svg>
      </section>
      <details>
        <summary>The same as a table</summary>
        <Table
          caption="Fees by day"
          hideCaption
          head={['Day', 'Steps', 'From burns', 'To miners', 'Top-ups', 'Consolidated', 'Surplus at its end']}
        >
          {days.map((day) => (
            <tr>
              <th scope="row">{day.date}</th>
              <td>{day.steps}</td>
              <td>
                <Sats sats={day.burn_fees} />
              </td>
              <td>
                <Sats sats={day.miner_fees} />
              </td>
              <td>
                <Sats sats={day.top_ups} />
              </td>
              <td>
                <Sats sats={day.consolidated} />
              </td>
              <td>
                <Sats sats={day.surplus} />
              </td>
            </tr>
          ))}
        </Table>
      </details>
    </>
  );
}

function Bar({ x, width, height, look }: { x: number; width: number; height: number; look: string }) {
  const at = (value: number) => value.toFixed(1);
  return <rect class={look} x={at(x)} y={at(CHART_HEIGHT - height)} width={at(width)} height={at(height)} />;
}
