/** @jsxImportSource hono/jsx */
// What the own Wire nodes tell of a burn, as names and values.
import type { BurnShown } from '../operator/admin/money-shapes.ts';
import { Facts, Sats, satsText, Time } from './kit.tsx';

/** A burn's own facts. */
export function BurnFacts({ burn, title }: { burn: BurnShown; title: string }) {
  return (
    <>
      <h3>{title}</h3>
      <Facts
        of={[
          [
            'Burn',
            <a href={`/payouts/burns/${burn.burn_txid}`}>
              <code>{burn.burn_txid}</code>
            </a>,
          ],
          ['Burnt', <Sats sats={burn.amount} bitcoin />],
          ['Its fee', <Sats sats={burn.fee} />],
          ['Pays', <Sats sats={burn.pays} bitcoin />],
          ['Height on Wire', satsText(burn.wire_height)],
          ['Nullifier', <code>{burn.nullifier}</code>],
          ['First seen here', <Time at={burn.seen_at} />],
        ]}
      />
    </>
  );
}
