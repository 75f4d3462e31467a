// The two ways known by which burns come to a standstill, told apart here from every other. Neither costs money or breaks
// a Never. Either honest nodes, asked by several coordinators at once, have bound the same burns to different inputs in
// such a way that no transaction agrees with enough of them, until a new coin comes in whose outpoint sorts first. Or the
// input to which a node has bound a burn was spent by another payout, for which it takes a liar that signs both.
import { getBurn } from '../store/burns.ts';
import type { Queries } from '../store/database.ts';
import { listPayouts } from '../store/payout-listing.ts';
import { listSpendableUtxos } from '../store/utxos.ts';
import { SPENT } from './chain.ts';
import type { World } from './world.ts';

/** The burns among those owed that no transaction can pay as long as no coin comes in. */
export function standstill(world: World, owed: readonly string[]): readonly string[] {
  const stores = world.honest().map(({ store }) => store.db);
  const left = new Set(owed);
  const stuck: string[] = [];
  for (const burn of owed) {
    if (!left.has(burn)) continue;
    const group = boundTogether(stores, burn, owed);
    for (const one of group) left.delete(one);
    const isStranded = (db: Queries): boolean =>
      group.some((one) => world.chain.best.coins.get(anchorOf(db, one) ?? '') === SPENT);
    const agreeing = stores.filter((db) => !isStranded(db) && couldAgree(db, stores, group)).length;
    if (agreeing < world.plan.threshold) stuck.push(...group);
  }
  return stuck;
}

// Burns that share an anchor at some node must be paid together there, and so on.
function boundTogether(stores: readonly Queries[], burn: string, owed: readonly string[]): readonly string[] {
  const group = new Set([burn]);
  for (let size = 0; size !== group.size; ) {
    size = group.size;
    const anchors = anchorsOf(stores, [...group]);
    for (const other of owed) if (stores.some((db) => anchors.has(anchorOf(db, other) ?? ''))) group.add(other);
  }
  return [...group];
}

// The transaction that spends every anchor and pays every burn of the group is the only candidate. A node that has not
// bound one of the burns yet will bind it to the first input, which it must not have promised to others.
function couldAgree(db: Queries, stores: readonly Queries[], group: readonly string[]): boolean {
  if (group.every((burn) => anchorOf(db, burn) !== null)) return true;
  const fresh = listSpendableUtxos(db, { limit: 500 }).rows.map(({ txid, vout }) => `${txid}:${vout}`);
  const promised = new Set(
    listPayouts(db, ['decided', 'signed', 'broadcast', 'confirmed']).rows.flatMap(({ inputs }) =>
      inputs.map(({ txid, vout }) => `${txid}:${vout}`),
    ),
  );
  const [first] = [...anchorsOf(stores, group), ...fresh].sort();
  return first !== undefined && !promised.has(first);
}

function anchorsOf(stores: readonly Queries[], group: readonly string[]): Set<string> {
  return new Set(stores.flatMap((db) => group.flatMap((burn) => anchorOf(db, burn) ?? [])));
}

function anchorOf(db: Queries, burnTxid: string): string | null {
  const anchor = getBurn(db, burnTxid)?.anchor ?? null;
  return anchor === null ? null : `${anchor.txid}:${anchor.vout}`;
}
