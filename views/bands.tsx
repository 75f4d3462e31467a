/** @jsxImportSource hono/jsx */
// A transaction as bands: what it spends on the left, what it pays on the right, each as thick as its amount. What stays with the
// federation has a colour and a word of its own. The same numbers stand in a table.
import type { InputShown, StepShown } from '../operator/admin/step-reports.ts';
import { Grouped, Sats, ShortId, satsText, Table } from './kit.tsx';

/** One end of a band. `sats` null: unknown, drawn as thin as can be. */
export interface BandEnd {
  readonly label: string;
  readonly sats: bigint | null;
  readonly look: 'ours' | 'fee' | 'other';
}

/** Most ends on each side that are drawn by themselves. */
const ENDS_MAX = 8;
const WIDTH = 720;
const ROW = 34;
const THICK_MAX = 120;
const THICK_MIN = 2;
const LEFT = 220;
const MIDDLE = WIDTH / 2;
const RIGHT = WIDTH - 220;
const TOP = 24;

/** The largest ends of a side, and all others as one. */
export function fewEnds(ends: readonly BandEnd[]): readonly BandEnd[] {
  if (ends.length <= ENDS_MAX) return ends;
  const kept = ends.slice(0, ENDS_MAX - 1);
  const rest = ends.slice(ENDS_MAX - 1);
  const known = rest.reduce((sum, { sats }) => sum + (sats ?? 0n), 0n);
  return [...kept, { label: `${rest.length} more`, sats: known, look: 'other' }];
}

interface Placed extends BandEnd {
  /** Where it begins at its side and in the middle, and how thick it is. */
  readonly y: number;
  readonly middle: number;
  readonly thick: number;
}

/** Where the ends of one side lie; `total` in sats is as thick as can be. */
export function placed(ends: readonly BandEnd[], total: bigint): readonly Placed[] {
  let [y, middle] = [TOP, TOP];
  return ends.map((end) => {
    const share = end.sats === null || total === 0n ? 0 : Number((end.sats * 10_000n) / total) / 10_000;
    const thick = Math.max(THICK_MIN, Math.round(share * THICK_MAX));
    const one = { ...end, y, middle, thick };
    y += Math.max(ROW, thick + 8);
    middle += thick;
    return one;
  });
}

function path({ y, middle, thick }: Placed, x: number): string {
  const half = (x + MIDDLE) / 2;
  const over = `M${x} ${y}C${half} ${y} ${half} ${middle} ${MIDDLE} ${middle}`;
  return `${over}V${middle + thick}C${half} ${middle + thick} ${half} ${y + thick} ${x} ${y + thick}Z`;
}

function Side({ ends, x, anchor }: { ends: readonly Placed[]; x: number; anchor: 'start' | 'end' }) {
  const at = anchor === 'end' ? x - 8 : x + 8;
  return (
    <>
      {ends.map((end) => (
        <path class={`band ${end.look}`} d={path(end, x)} />
      ))}
      {ends.map(({ y, label, sats }) => (
        <text x={String(at)} y={String(y + 10)} text-anchor={anchor}>
          {label}
          <tspan x={String(at)} dy="14">
            {sats === null ? 'amount unknown' : `${satsText(sats)} sats`}
          </tspan>
        </text>
      ))}
    </>
  );
}

const INPUTS: Readonly<Record<InputShown['what'], string>> = {
  treasury: 'Treasury (ours)',
  deposit: 'Deposit',
  stray: 'Top-up (ours)',
  unknown: 'Not read here yet',
};

function short(text: string): string {
  return text.length <= 20 ? text : `${text.slice(0, 8)}…${text.slice(-8)}`;
}

function endsIn({ inputs }: StepShown): readonly BandEnd[] {
  return inputs.map(({ what, amount, txid, vout }) => ({
    label: what === 'treasury' ? INPUTS.treasury : `${INPUTS[what]} ${txid.slice(0, 6)}…:${vout}`,
    sats: amount === null ? null : BigInt(amount),
    look: what === 'treasury' || what === 'stray' ? 'ours' : 'other',
  }));
}

function endsOut({ outputs, miner_fee }: StepShown): readonly BandEnd[] {
  // The note pays nothing.
  const paying = outputs.filter(({ what }) => what !== 'note');
  const ends = paying.map(({ what, amount, address }): BandEnd => {
    const label = what === 'treasury' ? 'Back to the treasury (ours)' : short(address ?? 'unknown script');
    return { label, sats: BigInt(amount), look: what === 'treasury' ? 'ours' : 'other' };
  });
  return [...fewEnds(ends), { label: 'Fee', sats: miner_fee === null ? null : BigInt(miner_fee), look: 'fee' }];
}

/** The drawing, its sentence and its table. */
export function Bands({ step }: { step: StepShown }) {
  const [from, to] = [fewEnds(endsIn(step)), endsOut(step)];
  const total = [from, to].map((side) => side.reduce((sum, { sats }) => sum + (sats ?? 0n), 0n));
  const most = total.reduce((a, b) => (a > b ? a : b), 0n);
  const [ins, outs] = [placed(from, most), placed(to, most)];
  const end = [...ins, ...outs].reduce((low, { y, thick }) => Math.max(low, y + Math.max(ROW, thick)), 0);
  const others = step.outputs.filter(({ what }) => what === 'burn' || what === 'consolidation' || what === 'unknown');
  const paid = others.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  const fee = step.miner_fee === null ? 'an unknown fee' : `a fee of ${satsText(step.miner_fee)} sats`;
  const text = `It spends ${counted(step.inputs.length, 'output')} and pays ${satsText(paid)} sats to ${counted(others.length, 'address', 'addresses')}, with ${fee}; the rest stays with the federation.`;
  return (
    <>
      <p>{text}</p>
      <section class="scroll" tabindex={0} aria-label="Drawing of the transaction">
        <svg class="chart broad" viewBox={`0 0 ${WIDTH} ${end + 8}`} role="img">
          <title>The transaction as bands from its inputs to its outputs</title>
          <desc>{text}</desc>
          <text x="0" y="14">
            Spends
          </text>
          <text x={String(WIDTH)} y="14" text-anchor="end">
            Pays
          </text>
          <Side ends={ins} x={LEFT} anchor="end" />
          <Side ends={outs} x={RIGHT} anchor="start" />
        </svg>
      </section>
      <details>
        <summary>The same as tables</summary>
        <Inputs step={step} />
        <Outputs step={step} />
      </details>
    </>
  );
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function Inputs({ step }: { step: StepShown }) {
  return (
    <Table caption="Inputs" head={['Input', 'What it spends', 'Amount', 'Output']}>
      {step.inputs.map(({ txid, vout, what, amount }, index) => (
        <tr>
          <th scope="row">{index}</th>
          <td>{INPUTS[what]}</td>
          <td>
            <Sats sats={amount} />
          </td>
          <td>
            <ShortId id={txid} {...inputLink(step, what, txid, vout)} />:{vout}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function inputLink({ parent }: StepShown, what: InputShown['what'], txid: string, vout: number): { href?: string } {
  if (what === 'deposit') return { href: `/deposits/${txid}/${vout}` };
  return what === 'treasury' && parent !== null ? { href: `/payouts/${txid}` } : {};
}

const OUTPUTS: Readonly<Record<StepShown['outputs'][number]['what'], string>> = {
  treasury: 'Back to the treasury: ours',
  note: 'Note with surplus and list of burns: pays nothing',
  burn: 'Pays a burn',
  consolidation: 'Consolidation: to an agreed address',
  unknown: 'Pays a burn that is not known here yet',
};

function Outputs({ step }: { step: StepShown }) {
  return (
    <Table caption="Outputs" head={['Output', 'What it is', 'Amount', 'Address']}>
      {step.outputs.map(({ what, amount, address, burn_txid }, index) => (
        <tr>
          <th scope="row">{index}</th>
          <td>
            {OUTPUTS[what]}
            {burn_txid !== null && (
              <div>
                <ShortId id={burn_txid} href={`/payouts/burns/${burn_txid}`} />
              </div>
            )}
          </td>
          <td>
            <Sats sats={amount} />
          </td>
          <td>{address === null ? '–' : <Grouped text={address} />}</td>
        </tr>
      ))}
    </Table>
  );
}
