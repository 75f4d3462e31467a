/** @jsxImportSource hono/jsx */
// What an act pays and to whom, read from the very text whose digest is confirmed: never from what the node says elsewhere.
import { Facts, Grouped, Sats } from './kit.tsx';

/** Amount and recipient of the burn that an act is about; nothing where it is about none. */
export function ActSubject({ text }: { text: string }) {
  const burn = burnOf(text);
  if (burn === null) return null;
  const { address, amount, fee, txid } = burn;
  return (
    <>
      <div class="figure">
        <Sats sats={BigInt(amount) - BigInt(fee)} bitcoin />
      </div>
      <p class="address">
        <Grouped text={address} />
      </p>
      <Facts
        of={[
          ['Burn', <code>{txid}</code>],
          ['Burnt', <Sats sats={amount} />],
          ['Its fee', <Sats sats={fee} />],
        ]}
      />
    </>
  );
}

function burnOf(text: string) {
  const act: unknown = JSON.parse(text === '' ? 'null' : text);
  const burn = field(field(act, 'subject'), 'burn');
  const [address, amount, fee, txid] = ['address', 'amount', 'fee', 'burn_txid'].map((name) => field(burn, name));
  const isSats = (value: unknown): value is string => typeof value === 'string' && /^[0-9]+$/.test(value);
  if (typeof address !== 'string' || typeof txid !== 'string' || !isSats(amount) || !isSats(fee)) return null;
  return { address, amount, fee, txid };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
