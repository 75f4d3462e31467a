// Whose processes a simulated node has heard: what operator/transport/peer-session.ts keeps, without a signature on every
// message, as nobody in the simulated network can speak in another's name. What serves as evidence is signed when it is asked
// for.
import { CLOCK_SKEW_MS_MAX, sealEnvelope } from '../crypto/envelope.ts';
import type { Session, SessionCertificate } from '../crypto/identity.ts';
import type { GuardLink } from '../operator/services.ts';

type Watch = GuardLink['watch'];
type Sight = NonNullable<ReturnType<Watch['twinOf']>>;

interface Entry {
  known: Session;
  heardAt: number;
  earlierHeardAt: number | null;
  superseded: { readonly by: Session; readonly sentAt: number; readonly heardAt: number } | null;
}

/** Why a message is not taken; `session`: the later start that supersedes its sender. */
export type Unheard =
  | { readonly reason: 'superseded_boot'; readonly session: SessionCertificate }
  | { readonly reason: 'clock_skew'; readonly session: null };

export class Heard implements Watch {
  readonly #myIndex: number;
  readonly #entries = new Map<number, Entry>();

  constructor(myIndex: number) {
    this.#myIndex = myIndex;
  }

  /** Takes note of a message that a start of a peer sent; null where that is the latest one known. Times in ms. */
  admit(sender: Session, sentAt: number, now: number): Unheard | null {
    const { index, issued_at: issuedAt, boot } = sender.certificate;
    const entry = this.#entries.get(index);
    if (entry !== undefined && entry.known.certificate.boot === boot) {
      entry.heardAt = now;
      return null;
    }
    if (entry !== undefined && issuedAt <= entry.known.certificate.issued_at) {
      if (sentAt >= (entry.superseded?.sentAt ?? 0)) entry.superseded = { by: sender, sentAt, heardAt: now };
      entry.earlierHeardAt = now;
      return { reason: 'superseded_boot', session: entry.known.certificate };
    }
    if (issuedAt > now + CLOCK_SKEW_MS_MAX) return { reason: 'clock_skew', session: null };
    const superseded = entry?.superseded ?? null;
    this.#entries.set(index, { known: sender, heardAt: now, earlierHeardAt: entry?.heardAt ?? null, superseded });
    return null;
  }

  twinOf(index: number): Sight | null {
    const entry = this.#entries.get(index);
    if (entry === undefined || entry.superseded === null) return null;
    const { by, sentAt, heardAt } = entry.superseded;
    const { network, boot } = by.certificate;
    const words = { network, from: index, to: this.#myIndex, boot, ceremony: '', type: 'heartbeat', body: {} };
    const { envelope } = sealEnvelope({ ...words, seq: 1, sent_at: sentAt }, by.signer);
    return { later: entry.known.certificate, earlier: { session: by.certificate, envelope }, at: heardAt };
  }

  earlierHeardAt(index: number): number | null {
    return this.#entries.get(index)?.earlierHeardAt ?? null;
  }

  /** Whether two copies of a peer were heard: what `status` of a real node names. */
  sawTwins(index: number): boolean {
    return (this.#entries.get(index)?.superseded ?? null) !== null;
  }
}
