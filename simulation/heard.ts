// Whose processes a simulated node has heard: what operator/peers/peer-session.ts keeps, without a signature on every
// message, as nobody in the simulated network can speak in another's name. What serves as evidence is signed when it is asked
// for.
import { CLOCK_SKEW_MS_MAX, sealEnvelope } from '../crypto/envelope.ts';
import type { Session, SessionCertificate } from '../crypto/identity.ts';
import { LAST_WORDS_MS } from '../operator/peers/peer-session.ts';
import type { GuardLink } from '../operator/services.ts';

type Watch = GuardLink['watch'];
type Sight = NonNullable<ReturnType<Watch['duplicateOf']>>;

interface Entry {
  known: Session;
  /** In virtual ms, as are `elapsed` and when it was heard. */
  readonly knownSince: number;
  readonly hadDuplicate: boolean;
  supersededAt: number | null;
  heardAt: number;
  earlierHeardAt: number | null;
  superseded: { readonly by: Session; readonly sentAt: number } | null;
}

/** Why a message is not taken; `session`: the later start that supersedes its sender. */
export type Unheard =
  | { readonly reason: 'superseded_boot'; readonly session: SessionCertificate }
  | { readonly reason: 'clock_skew'; readonly session: null };

export class Heard implements Watch {
  readonly #myIndex: number;
  readonly #elapsed: () => number;
  readonly #entries = new Map<number, Entry>();

  constructor(myIndex: number, elapsed: () => number) {
    this.#myIndex = myIndex;
    this.#elapsed = elapsed;
  }

  /** Takes note of a message that a start of a peer sent; null where that is the latest one known. Times in ms. */
  admit(sender: Session, sentAt: number, now: number): Unheard | null {
    const { index, issued_at: issuedAt, boot } = sender.certificate;
    const entry = this.#entries.get(index);
    if (entry !== undefined && entry.known.certificate.boot === boot) {
      entry.heardAt = this.#elapsed();
      return null;
    }
    if (entry !== undefined && issuedAt <= entry.known.certificate.issued_at) {
      const isLastWord = this.#elapsed() - entry.knownSince <= LAST_WORDS_MS;
      const latest = entry.superseded?.sentAt ?? 0;
      if (!isLastWord && sentAt >= latest) entry.superseded = { by: sender, sentAt };
      entry.supersededAt = now;
      entry.earlierHeardAt = this.#elapsed();
      return { reason: 'superseded_boot', session: entry.known.certificate };
    }
    if (issuedAt > now + CLOCK_SKEW_MS_MAX) return { reason: 'clock_skew', session: null };
    const hadDuplicate = this.sawDuplicates(index);
    const since = { knownSince: this.#elapsed(), heardAt: this.#elapsed(), earlierHeardAt: entry?.heardAt ?? null };
    const supersededAt = entry?.supersededAt ?? null;
    this.#entries.set(index, { known: sender, ...since, supersededAt, superseded: null, hadDuplicate });
    return null;
  }

  duplicateOf(index: number): Sight | null {
    const entry = this.#entries.get(index);
    if (entry === undefined || entry.supersededAt === null) return null;
    const [later, at] = [entry.known.certificate, entry.supersededAt];
    if (entry.superseded === null) return { later, earlier: null, at };
    const { by, sentAt } = entry.superseded;
    const { network, boot } = by.certificate;
    const words = { network, from: index, to: this.#myIndex, boot, ceremony: '', type: 'heartbeat', body: {} };
    const { envelope } = sealEnvelope({ ...words, seq: 1, sent_at: sentAt }, by.signer);
    return { later, earlier: { session: by.certificate, envelope }, at };
  }

  earlierHeardAgo(index: number): number | null {
    const at = this.#entries.get(index)?.earlierHeardAt ?? null;
    return at === null ? null : this.#elapsed() - at;
  }

  /** Whether two copies of a peer were heard: what `status` of a real node names. */
  sawDuplicates(index: number): boolean {
    const entry = this.#entries.get(index);
    return entry !== undefined && (entry.hadDuplicate || entry.superseded !== null);
  }
}
