// Where the treasury stands, for operators: what it takes to fund it, who has not signed its root yet, and what it holds.

import { ROOT_SATS_MIN, rootSurplus, treasuryScript } from '../chain/line.ts';
import { scriptAddress } from '../chain/network.ts';
import { taprootAddress } from '../crypto/taproot.ts';
import { minedTip } from '../store/line.ts';
import { lineHistory } from '../store/line-history.ts';
import { rootSignatures } from '../store/root-signatures.ts';
import { largestTreasuryOutput, treasuryHeights } from '../store/treasury-funding.ts';
import { currentRoot, type TreasuryRoot } from '../store/treasury-roots.ts';
import { getUtxo, listMaturedStrays } from '../store/utxos.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { lineRoot } from './chain-state/line-terms.ts';
import { lineNow } from './chain-state/line-view.ts';
import { scannedHeight } from './chain-state/scan.ts';
import { scannedDepth } from './chain-state/treasury-root.ts';
import type { FederationKey } from './keys/keys.ts';
import type { Node } from './node.ts';
import { listCards } from './peers/federation.ts';
import type { CommandResults, TreasuryReport } from './runtime/command-types.ts';

/** Most strays that are counted. */
const STRAYS_MAX = 500;
const NOTHING_HELD = { tip: null, balance: null, surplus: null };

/** All of it. Throws `CommandError` where there is no key yet. */
export function treasuryReport(node: Node): TreasuryReport {
  const { config, store, keys } = node;
  const key = requireLiveKey(keys);
  const root = currentRoot(store.db, key.keyId);
  const isOpen = lineRoot(store.db, key) !== null;
  const height = root === null ? (treasuryHeights(store.db, ROOT_SATS_MIN)[0] ?? null) : heightOf(node, root);
  const unopened = height === null ? 'not_funded' : 'funded';
  const state = isOpen ? 'open' : root === null ? unopened : 'opening';
  return {
    network: config.network,
    key_id: key.keyId,
    address: treasuryAddress(node, key),
    amount_min: `${ROOT_SATS_MIN}`,
    state,
    confirmations: height === null ? 0 : scannedDepth(store.db, height),
    confirmations_needed: config.forkConfirmations,
    too_small: state === 'not_funded' ? tooSmall(node) : null,
    root: root === null ? null : { txid: root.txid, vout: root.vout, amount: `${root.amount}` },
    missing: state === 'opening' && root !== null ? missingSigners(node, root) : [],
    ...(root === null || !isOpen ? NOTHING_HELD : heldBy(node, root)),
    fee_reserve: `${config.policy.feeReserveSats}`,
    consolidate_addresses: config.policy.consolidateScripts.flatMap(
      (script) => scriptAddress(script, config.network) ?? [],
    ),
    waiting: null,
    strays: straysOf(node, key),
  };
}

/** As `treasuryReport`, with what waits in the mempool of the own Bitcoin nodes. */
export async function treasuryShown(node: Node): Promise<TreasuryReport> {
  const { config, store, bitcoin, input } = node;
  const report = treasuryReport(node);
  const reader = { config, db: store.db, bitcoin, effects: input.effects, log: input.log };
  const reading = await lineNow(reader, requireLiveKey(node.keys));
  if (!reading.ok) return report;
  const { tip, waiting, child } = reading.line;
  const scanned = scannedHeight(store.db) ?? tip.height;
  const steps = [waiting, child].flatMap((one) => one ?? []);
  return {
    ...report,
    waiting: steps.map(({ step, entry }) => ({
      txid: step.txid,
      kind: step.kind,
      burns: step.burns?.length ?? null,
      miner_fee: `${entry.fee}`,
      fee_rate: Number(entry.fee) / entry.vsize,
      waiting_blocks: Math.max(0, scanned - Math.max(entry.height, tip.height)),
    })),
  };
}

// Whatever pays the treasury script and is neither the root nor output 0 of a step.
function straysOf({ store: { db } }: Node, key: FederationKey): TreasuryReport['strays'] {
  const root = lineRoot(db, key);
  const history = root === null ? null : lineHistory(db, root);
  const strays = listMaturedStrays(db, Number.MAX_SAFE_INTEGER, STRAYS_MAX).filter(
    ({ txid, vout }) => (history?.place({ txid, vout }) ?? null) === null,
  );
  const amount = strays.reduce((sum, one) => sum + one.amount, 0n);
  return { count: root === null ? 0 : strays.length, amount: root === null ? '0' : `${amount}` };
}

/** Where the treasury stands in one line, with what to do next; null while there is no key. */
export function treasuryStatus(node: Node): CommandResults['status']['treasury'] {
  if (node.keys.live() === null) return null;
  const report = treasuryReport(node);
  return { state: report.state, detail: treasuryLine(report) };
}

/** The same of a report. */
export function treasuryLine(report: TreasuryReport): string {
  const { state, amount_min, address, too_small, confirmations, confirmations_needed: needed, missing } = report;
  switch (state) {
    case 'not_funded': {
      const seen = too_small === null ? '' : ` in one output (the largest so far has ${too_small} sats)`;
      return `not funded: pay at least ${amount_min} sats${seen} to ${address}`;
    }
    case 'funded': {
      const depth = `funded, ${Math.min(confirmations, needed)} of ${needed} confirmations`;
      return confirmations < needed
        ? `${depth}; then run: mpc_operator treasury open`
        : `${depth}; run: mpc_operator treasury open`;
    }
    case 'opening':
      return `opening; not signed yet: ${missing.map(({ name, detail }) => `${name} (${detail})`).join(', ')}`;
    case 'open':
      return 'open';
  }
}

// The end of the mined line.
function heldBy({ store }: Node, root: TreasuryRoot): Pick<TreasuryReport, 'tip' | 'balance' | 'surplus'> {
  const tip = minedTip(store.db);
  if (tip === null) {
    const { txid, vout, amount } = root;
    return { tip: { txid, vout, depth: 0 }, balance: `${amount}`, surplus: `${rootSurplus(root)}` };
  }
  const { txid, depth, treasuryAmount, surplus } = tip;
  return { tip: { txid, vout: 0, depth }, balance: `${treasuryAmount}`, surplus: `${surplus}` };
}

function treasuryAddress({ config }: Node, key: FederationKey): string {
  return taprootAddress(treasuryScript(key.bitcoin.publicKey), config.network);
}

function heightOf({ store }: Node, root: { readonly txid: string; readonly vout: number }): number | null {
  return getUtxo(store.db, root)?.height ?? null;
}

function tooSmall({ store }: Node): string | null {
  const largest = largestTreasuryOutput(store.db);
  return largest === null ? null : `${largest}`;
}

function missingSigners(node: Node, root: { readonly txid: string; readonly vout: number }): TreasuryReport['missing'] {
  const { store, config, online } = node;
  const signed = rootSignatures(store.db, root);
  return listCards(store.db)
    .filter(({ index }) => !signed.has(index))
    .map(({ index, name }) => {
      const detail = index === config.myIndex ? 'this node' : (online?.treasury.said(index) ?? 'this node is sealed');
      return { index, name, detail };
    });
}
