// Looks up what somebody typed or pasted: a transaction, an outpoint, an address, a burn, a request, a ceremony or an incident.
// Only what this node knows is searched.

import { treasuryScript } from '../../chain/line.ts';
import { addressScript } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { toHex } from '../../crypto/bytes.ts';
import { getBurn, listBurnsTo } from '../../store/burns.ts';
import { getCeremony } from '../../store/ceremonies.ts';
import { depositsIn, getDeposit } from '../../store/deposits.ts';
import { getStep } from '../../store/line.ts';
import { findRecipient, recipientOfScript } from '../../store/recipients.ts';
import { requestIdBeginning } from '../../store/request-ids.ts';
import { getRoot } from '../../store/treasury-roots.ts';
import { getUtxo } from '../../store/utxos.ts';
import { incidentCommands } from '../incident-commands.ts';
import type { Node } from '../node.ts';
import { CommandError } from '../runtime/command-error.ts';

/** Longest text that is looked up. */
export const SEARCH_CHARACTERS_MAX = 200;
const OF_ONE_KIND_MAX = 20;
const HASH = /^[0-9a-f]{64}$/;
const OUTPOINT = /^([0-9a-f]{64}):([0-9]{1,10})$/;
const REQUEST = /^[0-9a-f]{6,32}$/;
const CEREMONY = /^[a-z0-9][a-z0-9._-]{0,63}$/i;

/** Something that was found: what it is, its name, and the page that shows it. */
export interface Found {
  readonly what: string;
  readonly name: string;
  readonly detail: string;
  readonly href: string;
}

/** Everything of that name. */
export function search(node: Node, text: string): readonly Found[] {
  const typed = text.trim().replaceAll(/\s+/g, '');
  if (typed === '' || typed.length > SEARCH_CHARACTERS_MAX) return [];
  // Ids are lowercase; addresses in Base58 are not.
  const lower = typed.toLowerCase();
  return [
    ...(HASH.test(lower) ? ofHash(node, lower) : []),
    ...ofOutpoint(node, lower),
    ...ofAddress(node, typed),
    ...(REQUEST.test(lower) ? ofRequest(node, lower) : []),
    ...(CEREMONY.test(typed) ? ofCeremony(node, typed) : []),
    ...ofIncident(node, lower),
  ];
}

function ofHash(node: Node, hash: string): readonly Found[] {
  const { db } = node.store;
  const step = getStep(db, hash);
  const burn = getBurn(db, hash);
  const key = node.keys.live();
  const recipient = key === null ? null : findRecipient(db, hash, key.keyId);
  return [
    ...(step === null
      ? []
      : [found('Step of the treasury line', hash, `${step.kind ?? 'unlisted'} step`, `/payouts/${hash}`)]),
    ...(burn === null
      ? []
      : [found('Burn', hash, `${burn.amount} sats, paid to ${burn.address}`, `/payouts/burns/${hash}`)]),
    ...depositsIn(db, hash, OF_ONE_KIND_MAX).map((deposit) =>
      found(
        'Deposit',
        outpointName(deposit),
        `${deposit.amount} sats, ${deposit.status}`,
        `/deposits/${deposit.txid}/${deposit.vout}`,
      ),
    ),
    ...(recipient === null
      ? []
      : [found('Recipient of deposits', hash, 'its deposit address', `/deposits/address/${hash}`)]),
  ];
}

function ofOutpoint(node: Node, text: string): readonly Found[] {
  const [, txid, vout] = OUTPOINT.exec(text) ?? [];
  if (txid === undefined || vout === undefined) return [];
  const { db } = node.store;
  const outpoint = { txid, vout: Number(vout) };
  const deposit = getDeposit(db, outpoint);
  const root = getRoot(db, outpoint);
  const spender = getUtxo(db, outpoint)?.spentBy ?? null;
  const isSpentByStep = spender !== null && getStep(db, spender) !== null;
  return [
    ...(deposit === null
      ? []
      : [found('Deposit', text, `${deposit.amount} sats, ${deposit.status}`, `/deposits/${txid}/${vout}`)]),
    ...(root === null ? [] : [found('Root of the treasury line', text, `${root.amount} sats`, '/payouts')]),
    ...(getStep(db, txid) === null ? [] : [found('Output of a step', text, `output ${vout}`, `/payouts/${txid}`)]),
    ...(isSpentByStep ? [found('Step that spends it', spender, 'of the treasury line', `/payouts/${spender}`)] : []),
  ];
}

function ofAddress({ store: { db }, config, keys }: Node, text: string): readonly Found[] {
  const read = addressScript(text, config.network);
  if (!read.ok) return [];
  const script = toHex(read.script);
  const key = keys.live();
  const isTreasury = key !== null && script === toHex(treasuryScript(key.bitcoin.publicKey));
  const recipient = recipientOfScript(db, script);
  return [
    ...(isTreasury ? [found('Treasury address', text, 'where top-ups go', '/payouts')] : []),
    ...(recipient === null
      ? []
      : [
          found(
            'Deposit address',
            text,
            `of recipient ${recipient.recipient}`,
            `/deposits/address/${recipient.recipient}`,
          ),
        ]),
    ...listBurnsTo(db, text, OF_ONE_KIND_MAX).map(({ burnTxid, amount }) =>
      found('Burn that names it', burnTxid, `${amount} sats`, `/payouts/burns/${burnTxid}`),
    ),
  ];
}

function ofRequest({ store }: Node, beginning: string): readonly Found[] {
  const id = requestIdBeginning(store.db, beginning);
  if (id === null) return [];
  return id === 'ambiguous'
    ? [found('Requests', beginning, 'more than one begins so', '/approvals')]
    : [found('Request', id, 'for an approval', `/approvals/${id}`)];
}

function ofCeremony({ store }: Node, id: string): readonly Found[] {
  const stored = getCeremony(store.db, id);
  if (stored === null) return [];
  return [found('Key ceremony', id, stored.status, `/ceremonies/${encodeURIComponent(id)}`)];
}

function ofIncident(node: Node, id: string): readonly Found[] {
  try {
    const { incident } = incidentCommands['incident-show'](node, { id });
    return [found('Incident', incident.id, incident.summary ?? incident.state, `/federation/incidents/${incident.id}`)];
  } catch (error) {
    if (error instanceof CommandError) return [];
    throw error;
  }
}

function found(what: string, name: string, detail: string, href: string): Found {
  return { what, name, detail, href };
}
