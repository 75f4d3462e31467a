/** @jsxImportSource hono/jsx */
// One step of the treasury line: where it stands, its transaction drawn, the burns that it pays, and its files.
import type { StepShown } from '../operator/admin/step-reports.ts';
import { Bands } from './bands.tsx';
import { ActLink, Card, Empty, Facts, Grouped, Sats, ShortId, satsText, Table, Time } from './kit.tsx';
import { StepChip } from './payouts.tsx';

/** The fee in sats, sat/vB and per cent of what is paid. */
export function feeText({ miner_fee, fee_rate, fee_percent }: StepShown): string {
  if (miner_fee === null) return 'unknown: this node has not read all that it spends';
  const rate = fee_rate === null ? '' : `, ${fee_rate.toFixed(2)} sat/vB`;
  const share = fee_percent === null ? '' : `, ${fee_percent.toFixed(fee_percent < 0.1 ? 4 : 2)} % of what it pays`;
  return `${satsText(miner_fee)} sats${rate}${share}`;
}

/** Where it stands. */
export function StepHead({
  step,
  may,
}: {
  step: StepShown;
  may: { readonly payouts: boolean; readonly void: boolean };
}) {
  const { txid, state, replaced_by, parent, height, confirmations, kind } = step;
  return (
    <Card title={kind === null ? 'A step whose list is not known here' : `A ${kind} step`}>
      <p>
        <StepChip state={state} />
      </p>
      {replaced_by !== null && (
        <p>
          {state === 'passed'
            ? 'Another step is mined in its place: '
            : 'Another step that pays more waits in its place: '}
          <ShortId id={replaced_by} href={`/payouts/${replaced_by}`} />. This one pays nothing.
        </p>
      )}
      <Facts
        of={[
          ['Transaction', <code>{txid}</code>],
          ['Fee', feeText(step)],
          ['Size', `${satsText(step.vsize)} vB`],
          ['Surplus after it', <Sats sats={step.surplus} />],
          ['Block', height === null ? 'none yet' : `${satsText(height)} (${satsText(confirmations)} confirmations)`],
          ['Follows', parent === null ? 'the root' : <ShortId id={parent} href={`/payouts/${parent}`} />],
          ['Place', `step ${step.depth} from the root`],
          ['Begun by', step.asked_by === null ? 'this node, or read from the chain' : `operator ${step.asked_by}`],
          ['Agreed here at', step.decided_at === null ? 'not by this node' : <Time at={step.decided_at} />],
          ['Signed', step.signed_at === null ? 'not yet' : <Time at={step.signed_at} />],
        ]}
      />
      {state === 'signed' && (may.payouts || may.void) && (
        <div class="buttons">
          {may.payouts && <ActLink act="bump" title="Raise the fee" />}
          {may.void && <ActLink act="void" title="Void unmined steps" />}
        </div>
      )}
      <StepFiles step={step} />
    </Card>
  );
}

function StepFiles({ step: { txid, files } }: { step: StepShown }) {
  return (
    <div class="buttons">
      {files.psbt && (
        <a class="button" href={`/payouts/${txid}/psbt`} download={`${txid}.psbt`}>
          PSBT
        </a>
      )}
      {files.signed && (
        <a class="button" href={`/payouts/${txid}/transaction`} download={`${txid}.hex`}>
          Signed transaction
        </a>
      )}
      <span class="muted">
        {files.psbt
          ? 'The PSBT has what each input spends, and no signatures: look at it with any wallet’s tool.'
          : 'No PSBT: this node has not read all outputs that it spends.'}
        {!files.signed && ' This node has not seen all signatures yet.'}
      </span>
    </div>
  );
}

/** The transaction drawn. */
export function StepDrawing({ step }: { step: StepShown }) {
  return (
    <Card title="The transaction">
      <Bands step={step} />
    </Card>
  );
}

/** The burns that it pays, each address in full. */
export function StepBurns({ step }: { step: StepShown }) {
  if (step.kind === null) {
    return (
      <Empty>
        <p>Which burns it pays is not known here yet. This node asks its peers for the list; nothing is to be done.</p>
      </Empty>
    );
  }
  if (step.burns.length === 0) {
    return (
      <Empty>
        <p>
          It pays no burn: a {step.kind} step{' '}
          {step.kind === 'sweep' ? 'collects deposits into the treasury' : 'has no list'}.
        </p>
      </Empty>
    );
  }
  const pays = (amount: string | null, fee: string | null) =>
    amount === null || fee === null ? null : BigInt(amount) - BigInt(fee);
  return (
    <Card title={`Burns paid (${step.burns.length})`}>
      <Table caption="Burns" hideCaption head={['Burn', 'Pays', 'Address', 'Fee of the burn']}>
        {step.burns.map(({ burn_txid, address, amount, fee }) => (
          <tr id={`burn-${burn_txid}`}>
            <th scope="row">
              <ShortId id={burn_txid} href={`/payouts/burns/${burn_txid}`} />
            </th>
            <td>
              <Sats sats={pays(amount, fee)} />
            </td>
            <td>{address === null ? 'not told by your Wire nodes yet' : <Grouped text={address} />}</td>
            <td>
              <Sats sats={fee} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
