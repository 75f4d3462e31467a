// What goes on by itself once something is attested: attestations are handed in until they are minted, announcements are
// tried until this node can confirm them.

import { encodeAttestation } from '../crypto/attestation.ts';
import type { Bridge } from './bridge/bridge.ts';
import { FailureLog } from './bridge/failure-log.ts';
import { outpointOf } from './deposits/kept-attestations.ts';
import { FollowMints, type Unminted } from './deposits/mints.ts';
import { readAttestations, takeAttestations } from './deposits/take-attestations.ts';
import type { ServiceMessage } from './peers/messages.ts';
import { errorText } from './runtime/log.ts';

/** Most announcements of one peer that wait to be confirmed here; its own oldest make room, never another peer's. */
export const ANNOUNCEMENTS_PER_PEER_MAX = 100;
/** Most attestations in them. */
const ATTESTATIONS_PER_PEER_MAX = 1_000;
/** How often one is tried before it is dropped. */
const TRIES_MAX = 100;

type Announcement = Extract<ServiceMessage, { type: 'announce_attestations' }>;

/** Follows what is under way, one round at a time. */
export class Follower {
  readonly #bridge: Bridge;
  readonly #trouble: FailureLog;
  readonly #mints: FollowMints;
  #announced: { readonly from: number; readonly message: Announcement; tries: number }[] = [];
  #running: Promise<void> | null = null;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
    this.#trouble = new FailureLog('round', bridge.log, bridge.effects);
    this.#mints = new FollowMints(bridge, this.#trouble);
  }

  /** Keeps a peer's announcement for the next round. */
  take(from: number, message: Announcement): void {
    const others = this.#announced.filter((entry) => entry.from !== from);
    const own = [...this.#announced.filter((entry) => entry.from === from), { from, message, tries: 0 }];
    const attestations = (): number => own.reduce((sum, entry) => sum + attestationsIn(entry.message), 0);
    while (own.length > ANNOUNCEMENTS_PER_PEER_MAX || attestations() > ATTESTATIONS_PER_PEER_MAX) own.shift();
    this.#announced = [...others, ...own];
  }

  /** What the Wire nodes said last of an attested deposit (txid:vout) that they do not mint; null where nothing. */
  whyNotMinted(name: string): Unminted | null {
    return this.#mints.why(name);
  }

  /** One round; a round that is still running is not run twice. Never rejects. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Resolves when no round is running. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #round(): Promise<void> {
    await this.#attempt('announcements', () => this.#announcements());
    await this.#attempt('mints', () => this.#mints.round());
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#trouble.well(what);
    } catch (error) {
      this.#trouble.failed(what, errorText(error));
    }
  }

  async #announcements(): Promise<void> {
    const waiting = this.#announced;
    this.#announced = [];
    for (const entry of waiting) {
      entry.tries += 1;
      let left: Announcement | null = entry.message;
      // One that cannot be confirmed now, whatever the fault, must not cost this node those behind it.
      await this.#attempt(entry.message.type, async () => {
        left = await this.#confirm(entry.message);
      });
      if (left !== null && entry.tries < TRIES_MAX) this.#announced.push({ ...entry, message: left });
    }
  }

  // What is left to be confirmed later; null where nothing is.
  async #confirm(message: Announcement): Promise<Announcement | null> {
    if (this.#bridge.keys.live() === null) return message;
    const read = readAttestations(this.#bridge, message.body.attestations);
    for (const one of read) this.#mints.leave(outpointOf(one));
    const left = await takeAttestations(this.#bridge, read);
    if (left.length === 0) return null;
    return { type: message.type, body: { attestations: left.map((one) => ({ ...encodeAttestation(one) })) } };
  }
}

function attestationsIn(message: Announcement): number {
  return message.body.attestations.length;
}
