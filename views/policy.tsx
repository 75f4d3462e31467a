/** @jsxImportSource hono/jsx */
// What this operator signs: each value of the policy with what it may be, and how much of the day's limit is used.
import type { CommandResults, PolicyValue } from '../operator/runtime/command-types.ts';
import { ActLink, Card, Chip, Facts, Grouped, Sats, satsText, Table } from './kit.tsx';

type PolicyReport = CommandResults['policy-show'];

/** How much was signed within a day, against the most that may be. */
export function SignedToday({ report }: { report: PolicyReport }) {
  const signed = BigInt(report.signed_today_sats);
  const cap = numberOf(report, 'day_max_sats');
  return (
    <Card title="Signed within 24 h">
      {cap === null ? (
        <p>
          <Sats sats={signed} bitcoin />. There is no limit for a day: set <code>day_max_sats</code>, so that a mistake
          cannot cost everything.
        </p>
      ) : (
        <>
          <p>
            <Sats sats={signed} /> of <Sats sats={cap} bitcoin /> ({percentText(signed, cap)}).{' '}
            {signed >= cap ? (
              <Chip tone="bad">Limit reached</Chip>
            ) : (
              <Chip tone="ok">{`${satsText(cap - signed)} sats left`}</Chip>
            )}
          </p>
          <meter
            min="0"
            max="100"
            value={String(percentOf(signed, cap))}
            aria-label="Part of the day's limit that is used"
          />
        </>
      )}
    </Card>
  );
}

function percentOf(part: bigint, whole: bigint): number {
  return whole === 0n ? 100 : Math.min(100, Number((part * 1000n) / whole) / 10);
}

function percentText(part: bigint, whole: bigint): string {
  return `${percentOf(part, whole).toFixed(1)} %`;
}

function numberOf({ values }: PolicyReport, name: string): bigint | null {
  const value = values.find((one) => one.name === name)?.value ?? null;
  return typeof value === 'number' ? BigInt(value) : null;
}

/** Each value with what it may be. */
export function PolicyValues({ report, mayChange }: { report: PolicyReport; mayChange: boolean }) {
  const { values, deposit_min_sats, file } = report;
  return (
    <Card title="Policy">
      <p>
        A change counts at once, and voids every approval that was given before. It takes a second person of another
        role, unless one person runs this node.
      </p>
      <Table
        caption="Values of the policy"
        hideCaption
        head={['Name', 'Value', 'It must be', ...(mayChange ? ['Act'] : [])]}
      >
        {values.map(({ name, value, what }) => (
          <tr id={`policy-${name}`}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>
              <Value name={name} value={value} />
            </td>
            <td>{what}</td>
            {mayChange && (
              <td>
                <ActLink act="policy-set" title="Change" fields={{ name, values: fieldText(value) }} />
              </td>
            )}
          </tr>
        ))}
      </Table>
      <Facts
        of={[
          [
            'Least deposit',
            <>
              <Sats sats={deposit_min_sats} />, the same at all operators
            </>,
          ],
          ['Kept in', <code>{file}</code>],
        ]}
      />
    </Card>
  );
}

function Value({ name, value }: { name: string; value: PolicyValue }) {
  if (value === null) return <Chip tone="idle">off</Chip>;
  if (typeof value === 'number')
    return name.endsWith('_sats') ? <Sats sats={BigInt(value)} bitcoin /> : <span>{satsText(value)}</span>;
  if (value.length === 0) return <Chip tone="idle">none</Chip>;
  return (
    <ul>
      {value.map((address) => (
        <li>
          <Grouped text={address} />
        </li>
      ))}
    </ul>
  );
}

function fieldText(value: PolicyValue): string {
  if (value === null) return 'off';
  return typeof value === 'number' ? String(value) : value.length === 0 ? 'off' : value.join('\n');
}
