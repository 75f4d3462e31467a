// Recipients, known to all nodes wherever they were registered: each derives the deposit script itself, tells the others at
// once, and asks them again and again for those that it missed.

import { fromHex, toHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import type { Queries } from '../../store/database.ts';
import {
  countRecipients,
  findRecipient,
  listRecipientsAfter,
  type RecipientOrigin,
  rememberRecipient,
} from '../../store/recipients.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { scannedHeight } from '../chain-state/scan.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { parseServiceMessage } from '../peers/messages.ts';
import {
  RECIPIENTS_PAGE_MAX,
  type RecipientsPage,
  type RecipientsRequest,
  type ToldRecipient,
} from '../peers/messages-recipients.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { errorText } from '../runtime/log.ts';

/** Most scripts that are kept on the word of one peer; those registered here are not limited. */
export const RECIPIENTS_PER_PEER_MAX = 200_000;
/** Pages asked of a peer at a time, and the time between, in ms. */
const PAGES_AT_ONCE = 5;
const ASK_TIMEOUT_MS = 5_000;
const PAUSE_MS = { regtest: 2_000, other: 60_000 } as const;

/** What it works with. */
export interface RecipientsInput {
  readonly bridge: Pick<Bridge, 'config' | 'db' | 'keys' | 'effects' | 'log' | 'announce'>;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
  /** Has blocks from a height on read again, for a script that was learnt late. */
  readonly lookAgainFrom: (height: number) => void;
}

/** Derives a recipient's deposit script and keeps it. True where it is new. */
export function keepRecipient(
  db: Queries,
  key: FederationKey,
  recipient: string,
  now: number,
  origin: RecipientOrigin,
): { readonly script: Uint8Array; readonly isNew: boolean } {
  const leaf = { kind: 'deposit', recipient: fromHex(recipient, { bytes: 32 }) } as const;
  const script = custodyScript(key.bitcoin.publicKey, leaf).scriptPubKey;
  const isNew = rememberRecipient(db, { recipient, keyId: key.keyId, script: toHex(script) }, now, origin);
  return { script, isNew };
}

/** The recipients of one node. */
export class Recipients {
  readonly #input: RecipientsInput;
  /** In ms by the monotonic clock. */
  readonly #askedAt = new Map<number, number>();
  /** How many recipients each peer has told of, counted once: announcements come at any rate. */
  readonly #told = new Map<number, number>();

  constructor(input: RecipientsInput) {
    this.#input = input;
  }

  /** Keeps a recipient and tells the others; gives the script. */
  register(key: FederationKey, recipient: string): Uint8Array {
    const { db, effects, announce } = this.#input.bridge;
    const height = scannedHeight(db);
    const { script, isNew } = keepRecipient(db, key, recipient, effects.now(), { height, toldBy: null });
    if (isNew) announce({ type: 'announce_recipient', body: { recipient, key_id: key.keyId, height } });
    return script;
  }

  /** Takes what peers tell. Recipients under keys that this node does not have are passed over. */
  take(from: number, told: readonly ToldRecipient[]): void {
    const { db, keys, effects, log } = this.#input.bridge;
    let known = this.#told.get(from) ?? countRecipients(db, from);
    let lowest: number | null = null;
    for (const { recipient, key_id, height } of told) {
      const key = keys.get(key_id);
      if (key === null || key.status === 'rehearsal') continue;
      if (known >= RECIPIENTS_PER_PEER_MAX) {
        log('warn', 'recipients_of_peer_full', { peer: from });
        break;
      }
      // The last page of a peer's list is told again and again: a script is derived once.
      if (findRecipient(db, recipient, key_id) !== null) continue;
      keepRecipient(db, key, recipient, effects.now(), { height, toldBy: from });
      known += 1;
      lowest = Math.min(lowest ?? Number.MAX_SAFE_INTEGER, height ?? 0);
    }
    this.#told.set(from, known);
    if (lowest !== null) this.#input.lookAgainFrom(lowest);
  }

  /** A page for a peer. */
  answer({ after, limit }: RecipientsRequest): RecipientsPage {
    const rows = listRecipientsAfter(this.#input.bridge.db, after, limit);
    const recipients = rows.map(({ recipient, keyId, height }) => ({ recipient, key_id: keyId, height }));
    return { recipients, next: rows.length < limit ? null : (rows.at(-1)?.place ?? null) };
  }

  /** Asks all peers that were not asked of late. Never rejects. */
  async pull(signal: AbortSignal): Promise<void> {
    const { config, effects, log } = this.#input.bridge;
    const pause = config.network === 'regtest' ? PAUSE_MS.regtest : PAUSE_MS.other;
    const due = [...this.#input.peers()].filter(
      (peer) => effects.monotonic() - (this.#askedAt.get(peer) ?? Number.NEGATIVE_INFINITY) >= pause,
    );
    const ask = async (peer: number): Promise<void> => {
      this.#askedAt.set(peer, effects.monotonic());
      await this.#pullFrom(peer, signal);
    };
    const outcomes = await Promise.allSettled(due.map(ask));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') log('warn', 'recipients_not_pulled', { detail: errorText(outcome.reason) });
    }
  }

  // The place is one in the peer's list, which only grows.
  async #pullFrom(peer: number, signal: AbortSignal): Promise<void> {
    const { db, effects } = this.#input.bridge;
    const name = `recipients_of_${peer}`;
    for (let page = 0; page < PAGES_AT_ONCE && !signal.aborted; page++) {
      const stored = loadCursor(db, name);
      const after = typeof stored === 'number' ? stored : 0;
      const answer = await this.#ask(peer, { after, limit: RECIPIENTS_PAGE_MAX }, signal);
      if (answer === null || signal.aborted) return;
      this.take(peer, answer.recipients);
      if (answer.next === null || answer.next <= after) return;
      saveCursor(db, name, answer.next, effects.now());
    }
  }

  async #ask(peer: number, body: RecipientsRequest, signal: AbortSignal): Promise<RecipientsPage | null> {
    const request = { ceremony: '', type: 'recipients_request', body: { ...body } };
    const result = await this.#input.client.send(peer, request, { timeoutMs: ASK_TIMEOUT_MS, signal });
    return result.ok ? pageOf(result.messages) : null;
  }
}

function pageOf(messages: readonly OutMessage[]): RecipientsPage | null {
  for (const { type, body } of messages) {
    const parsed = parseServiceMessage(type, body);
    if (parsed !== null && parsed !== false && parsed.type === 'recipients') return parsed.body;
  }
  return null;
}
