/** @jsxImportSource hono/jsx */
// Approvals: what waits for a person's word, and one request from top to bottom as whoever decides it reads it.
import type { ActReport } from '../operator/admin/acts.ts';
import type { ApprovalReport, RequestRow, RuleReport } from '../operator/admin/approval-reports.ts';
import type { BurnShown } from '../operator/admin/money-shapes.ts';
import type { PolicyReport, RequestReport } from '../operator/runtime/command-types.ts';
import { BurnFacts } from './burn-facts.tsx';
import {
  ActLink,
  Ago,
  Card,
  Chip,
  durationText,
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

/** What a request is about, in a word. */
const KINDS: Readonly<Record<string, string>> = { payout: 'Payout', veto: 'Veto of a payout', void: 'Void steps' };

const OUTCOMES: Readonly<Record<RequestReport['outcome']['state'], readonly [string, Tone]>> = {
  open: ['Open', 'info'],
  signed: ['Signed, waits for a block', 'info'],
  done: ['Done', 'ok'],
  overtaken: ['Overtaken by another step', 'idle'],
  expired: ['Expired', 'idle'],
};

/** Whether somebody here still has to decide it. */
export function isUndecided({ decision, outcome }: RequestReport): boolean {
  return decision === null && outcome.state === 'open';
}

/** Acts of the web admin that wait for a second person. */
export function SecondPerson({ acts, user }: { acts: readonly ActReport[]; user: string }) {
  if (acts.length === 0) return null;
  return (
    <Card title="Waits for a second person">
      <p>Somebody of another role than the one who asked confirms these, in a session of their own.</p>
      <Table caption="Acts" hideCaption head={['Act', 'What happens', 'Asked by', 'Until']}>
        {acts.map((act) => (
          <tr id={`act-${act.id}`}>
            <th scope="row">
              <a href={`/acts/${act.id}`}>{act.title}</a>
            </th>
            <td>{act.says.join(' ')}</td>
            <td>{act.by === user ? `${act.by} (you)` : act.by}</td>
            <td>
              <Time at={act.expires_at} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

/** The list of requests. */
export function Requests({
  rows,
  total,
  page,
  policy,
  now,
}: {
  rows: readonly RequestRow[];
  total: number;
  page: { readonly limit: number; readonly offset: number };
  policy: PolicyReport;
  now: number;
}) {
  if (total === 0) return <NoRequests policy={policy} />;
  return (
    <Card title="Requests">
      <Table
        caption="Requests, newest first"
        hideCaption
        head={['Request', 'Amount', 'What for', 'Asked by', 'Decision here', 'Outcome', 'Deadline']}
      >
        {rows.map((row) => (
          <RequestLine row={row} now={now} />
        ))}
      </Table>
      <Pager {...page} total={total} href={(offset) => `/approvals?offset=${offset}`} />
      <Terminal command="requests list" />
    </Card>
  );
}

function RequestLine({ row: { request, burn, looks_like, asker }, now }: { row: RequestRow; now: number }) {
  const { id, kind, reason, created_at } = request;
  return (
    <tr id={`request-${id}`}>
      <th scope="row">
        <a href={`/approvals/${id}`}>{KINDS[kind] ?? kind}</a>
        <div>
          <ShortId id={id} />
        </div>
      </th>
      <td>{burn === null ? '–' : <Sats sats={burn.pays} />}</td>
      <td>
        {burn === null || kind !== 'payout' ? <div>{sentence(reason)}</div> : null}
        {burn !== null && <Grouped text={burn.address} />}
        {looks_like !== null && <LooksLike />}
      </td>
      <td>
        {asker}
        <div class="muted">
          <Ago at={created_at} now={now} /> ago
        </div>
      </td>
      <td>
        <Decision request={request} />
      </td>
      <td>
        <OutcomeChip request={request} />
      </td>
      <td>
        <Deadline request={request} now={now} />
      </td>
    </tr>
  );
}

function LooksLike() {
  return (
    <div>
      <Chip tone="warn">Looks like another address</Chip>
    </div>
  );
}

function Decision({ request }: { request: RequestReport }) {
  const { decision, outcome, kind } = request;
  if (decision === 'approved') return <Chip tone="ok">{kind === 'veto' ? 'Let go' : 'Approved'}</Chip>;
  if (decision === 'refused') return <Chip tone="bad">Refused</Chip>;
  return outcome.state === 'open' ? <Chip tone="warn">Waits for you</Chip> : <Chip tone="idle">None</Chip>;
}

function OutcomeChip({ request: { outcome } }: { request: RequestReport }) {
  const [word, tone] = OUTCOMES[outcome.state];
  return (
    <>
      <Chip tone={tone}>{word}</Chip>
      {outcome.txid !== null && (
        <div>
          <ShortId id={outcome.txid} href={`/payouts/${outcome.txid}`} />
        </div>
      )}
    </>
  );
}

function Deadline({ request: { expires_at, outcome }, now }: { request: RequestReport; now: number }) {
  const left = Date.parse(expires_at) - now;
  return (
    <>
      <Time at={expires_at} />
      {outcome.state === 'open' && left > 0 && <div class="muted">{durationText(left)} left</div>}
    </>
  );
}

function NoRequests({ policy }: { policy: PolicyReport }) {
  const above = policyNumber(policy, 'approve_above_sats');
  const hold = policyNumber(policy, 'hold_above_sats');
  return (
    <Empty>
      <p>
        <strong>No request waits, and none was made in the last 30 days.</strong>
      </p>
      <p>
        {above === null ? (
          <>
            Your policy asks nobody: <code>approve_above_sats</code> is off. Set it, and every payout of more than that
            waits here for a person.
          </>
        ) : (
          <>A payout of more than {satsText(above)} sats would wait here for a person of this operator.</>
        )}{' '}
        {hold === null
          ? 'No payout has a hold window, so none can be vetoed: hold_above_sats is off.'
          : `A payout of ${satsText(hold)} sats or more can be vetoed while its hold window lasts.`}{' '}
        A request of another operator to void steps comes here by itself.
      </p>
      <p>
        <a href="/security">See the policy</a>
      </p>
    </Empty>
  );
}

function policyNumber({ values }: PolicyReport, name: string): number | null {
  const value = values.find((one) => one.name === name)?.value ?? null;
  return typeof value === 'number' ? value : null;
}

/** What this person's role may do with a request. */
export interface ApprovalRights {
  readonly approve: boolean;
  readonly veto: boolean;
  readonly hold: boolean;
}

/** What happens, and what can be done about it. */
export function ApprovalHead({ report, may, now }: { report: ApprovalReport; may: ApprovalRights; now: number }) {
  const { request, asker } = report;
  return (
    <Card title="What will happen">
      <p>{whatHappens(report)}</p>
      <div class="buttons">
        <Decision request={request} />
        <OutcomeChip request={request} />
      </div>
      <Facts
        of={[
          ['Asked by', asker],
          ['Asked at', <Time at={request.created_at} />],
          ['Deadline', <Deadline request={request} now={now} />],
          // Of a payout it says amount and address, which stand below in full.
          ...(report.burn !== null && request.kind === 'payout' ? [] : [['Reason', sentence(request.reason)] as const]),
          ...(request.decided_at === null ? [] : [['Decided here at', <Time at={request.decided_at} />] as const]),
          ...(request.decision_reason === null
            ? []
            : [
                [
                  request.kind === 'veto' ? 'So far' : 'Reason of the decision',
                  sentence(request.decision_reason),
                ] as const,
              ]),
          ['Request', <code>{request.id}</code>],
        ]}
      />
      <Acts report={report} may={may} />
      <Terminal command={`requests show ${request.id}`} />
    </Card>
  );
}

function whatHappens({ request, burn, threshold, worthless }: ApprovalReport): string {
  const who = `once ${threshold} operators sign`;
  if (request.kind === 'void') {
    const what = worthless.length === 0 ? 'every signed step that is in no block' : `${worthless.length} signed steps`;
    return `If you approve, this node may sign one step that makes ${what} worthless, ${who}. The burns that those would have paid wait again.`;
  }
  const pays = burn === null ? 'the payout of a burn' : `${satsText(burn.pays)} sats`;
  if (request.kind === 'veto') {
    return `This payout of ${pays} is vetoed. It waits until the veto lapses at the deadline, or until ${threshold} operators let it go.`;
  }
  return `If you approve, this node may sign a Bitcoin transaction that pays ${pays} to the address below, ${who}. Bitcoin that is paid does not come back.`;
}

function Acts({ report, may }: { report: ApprovalReport; may: ApprovalRights }) {
  const { request, can_veto, burn, held } = report;
  const { id, kind, outcome } = request;
  const burnTxid = request.burn_txid;
  if (outcome.state !== 'open') {
    return <p class="muted">There is nothing more to decide: {OUTCOMES[outcome.state][0].toLowerCase()}.</p>;
  }
  const isOpen = isUndecided(request);
  return (
    <>
      <div class="buttons">
        {isOpen && may.approve && (
          <ActLink act="requests-approve" title={kind === 'veto' ? 'Let it go' : 'Approve'} fields={{ id }} main />
        )}
        {isOpen && may.approve && kind !== 'veto' && <ActLink act="requests-refuse" title="Refuse" fields={{ id }} />}
        {may.veto && burnTxid !== null && can_veto.ok && (
          <ActLink act="veto" title="Veto" fields={{ burn_txid: burnTxid }} />
        )}
        {may.hold && burn !== null && held === null && (
          <ActLink act="hold" title="Hold" fields={{ burn_txid: burn.burn_txid }} />
        )}
      </div>
      {isOpen && !may.approve && (
        <p class="muted">Your role may look at requests, and not decide them. An operator or security officer does.</p>
      )}
      {!isOpen && request.decision !== null && (
        <p class="muted">This operator has decided: {request.decision}. The others decide at their own nodes.</p>
      )}
      {kind === 'veto' && <p class="muted">To keep the veto, do nothing.</p>}
      {may.veto && !can_veto.ok && can_veto.why !== '' && kind === 'payout' && (
        <p class="muted">
          No veto: <Told text={sentence(can_veto.why)} />
        </p>
      )}
    </>
  );
}

/** Amount and recipient in full, and the burn as the own Wire node shows it. */
export function Recipient({ report }: { report: ApprovalReport }) {
  const { burn, request, looks_like } = report;
  if (request.kind === 'void') return null;
  if (burn === null) {
    return (
      <Card title="The burn">
        <Notice tone="warn">
          Your own Wire nodes have not shown this burn. Decide nothing before they do: look at System, whether they
          answer.
        </Notice>
        <Facts of={[['Burn', <code>{request.burn_txid ?? 'unknown'}</code>]]} />
      </Card>
    );
  }
  return (
    <Card title="Amount and recipient">
      <div class="figure">
        <Sats sats={burn.pays} bitcoin />
      </div>
      <p class="address">
        <Grouped text={burn.address} />
      </p>
      {looks_like !== null && (
        <Notice tone="warn">
          <p>
            <strong>Another burn names an address that begins and ends like this one.</strong> Compare every group, not
            the ends alone.
          </p>
          <Grouped text={looks_like} />
        </Notice>
      )}
      <BurnFacts burn={burn} title="The burn, as your own Wire nodes show it" />
    </Card>
  );
}

/** The rules that a payout meets, with the limits and how much of them is used. */
export function Rules({ rules, burn }: { rules: RuleReport; burn: BurnShown }) {
  const { approve_above, largest, day_max, day_used, is_counted, hold_until, has_hold_window } = rules;
  const pays = BigInt(burn.pays);
  const after = BigInt(day_used) + (is_counted ? 0n : pays);
  return (
    <Card title="Rules of this operator">
      <Table caption="Rules" hideCaption head={['Rule', 'Limit', 'This payout', 'Verdict']}>
        <Rule
          name="Approval by a person"
          limit={approve_above}
          value={burn.pays}
          fits={within(pays, approve_above)}
          verdict={['needs a person', 'no person needed']}
        />
        <Rule
          name="Largest payout"
          limit={largest}
          value={burn.pays}
          fits={within(pays, largest)}
          verdict={['too large: this node refuses', 'within it']}
        />
        <Rule
          name="All payouts within 24 h"
          limit={day_max}
          value={`${after}`}
          fits={within(after, day_max)}
          verdict={['over it: waits until less counts', is_counted ? 'counted already' : 'within it']}
        />
        <tr>
          <th scope="row">Hold window</th>
          <td>{has_hold_window ? 'applies' : 'none'}</td>
          <td>
            {!has_hold_window && '–'}
            {has_hold_window && hold_until === null && 'begins once the burn is final here'}
            {hold_until !== null && <Time at={hold_until} />}
          </td>
          <td>{has_hold_window ? 'any operator may veto until then' : 'no veto possible'}</td>
        </tr>
      </Table>
      <p class="muted">
        {satsText(day_used)} sats were signed here to be paid within the last 24 h. An approval counts under the policy
        of now, and is void once that changes.
      </p>
    </Card>
  );
}

function within(sats: bigint, limit: string | null): boolean {
  return limit === null || sats <= BigInt(limit);
}

function Rule({
  name,
  limit,
  value,
  fits,
  verdict,
}: {
  name: string;
  limit: string | null;
  value: string;
  fits: boolean;
  verdict: readonly [over: string, within: string];
}) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{limit === null ? 'off' : <Sats sats={limit} />}</td>
      <td>
        <Sats sats={value} />
      </td>
      <td>
        <Chip tone={fits ? 'ok' : 'warn'}>{fits ? verdict[1] : verdict[0]}</Chip>
      </td>
    </tr>
  );
}

/** What other operators have said. */
export function Others({ report }: { report: ApprovalReport }) {
  const { vetoes, refusals, held, paid_by, worthless, request } = report;
  const isQuiet = vetoes.length + refusals.length === 0 && held === null && paid_by === null;
  return (
    <Card title="What others say">
      {held !== null && <Notice tone="warn">This operator holds the burn back: {sentence(held)}</Notice>}
      {paid_by !== null && (
        <p>
          A step that pays it is {paid_by.state}: <ShortId id={paid_by.txid} href={`/payouts/${paid_by.txid}`} />. Its
          inputs, outputs, fee and PSBT are there.
        </p>
      )}
      {vetoes.map((veto) => (
        <Notice tone={veto.holds ? 'warn' : 'info'}>
          <p>
            <strong>{veto.by}</strong> vetoes it until <Time at={veto.until} />
            {veto.holds ? '' : ', which holds no more'}: {sentence(veto.reason)}
          </p>
          <p>
            {veto.approvals.length === 0
              ? 'Nobody lets it go.'
              : `Let it go: ${veto.approvals.join(', ')} (${report.threshold} are needed).`}
          </p>
        </Notice>
      ))}
      {refusals.length > 0 && (
        <ul>
          {refusals.map(({ by, reason, detail, at }) => (
            <li>
              <strong>{by}</strong> refused to sign at <Time at={at} />: {sentence(detail)}{' '}
              <span class="muted">({reason})</span>
            </li>
          ))}
        </ul>
      )}
      {worthless.length > 0 && (
        <>
          <h3>Becomes worthless</h3>
          <ul>
            {worthless.map(({ txid, kind, burns }) => (
              <li>
                <ShortId id={txid} href={`/payouts/${txid}`} /> {kind ?? 'unlisted'} step
                {burns !== null && `, ${burns} burns`}
              </li>
            ))}
          </ul>
        </>
      )}
      {isQuiet && request.kind !== 'void' && (
        <p>
          No veto and no refusal is known here. Each operator approves at its own node, under its own policy; a node
          that refuses to sign says why, and it stands here then.
        </p>
      )}
      {isQuiet && request.kind === 'payout' && (
        <p class="muted">
          No transaction is made for it yet. Its inputs, its fee and the change that stays with the federation are
          chosen when it is signed, and shown under Payouts.
        </p>
      )}
    </Card>
  );
}
