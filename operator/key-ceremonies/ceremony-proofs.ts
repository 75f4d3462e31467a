// After a key ceremony: every share signs once with both new keys, in rotating subsets of t, so that no share is found
// wanting only when it is needed.

import type { CeremonyProofIntent } from '../../ceremony/intent.ts';
import { ceremonyProofMessages } from '../../ceremony/intent-messages.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import type { FederationKey, Keys } from '../keys/keys.ts';
import type { Effects } from '../runtime/effects.ts';
import { isNotReadyYet } from '../signing/signer-records.ts';
import type { Signing } from '../signing/signing.ts';

/** Pause before a subset is tried again, in ms; doubling, unless the others are only still sealing their key files. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 15_000;

/** What proving works with. `deadline` in ms by the monotonic clock. */
export interface ProofInput {
  readonly keys: Keys;
  readonly signing: Signing;
  readonly effects: Effects;
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** One verified signature of each key (hexadecimal), and the subsets in which every participant has signed. */
export interface KeyProofs {
  readonly bitcoin: string;
  readonly attestation: string;
  readonly subsets: number[][];
}

/** The proofs, or in one sentence who did not sign. */
export type ProofVerdict = ({ readonly ok: true } & KeyProofs) | { readonly ok: false; readonly detail: string };

/** The fewest subsets of t indices that hold all n: windows that wrap around at the end, each in ascending order. */
export function rotatingSubsets(threshold: number, participants: number): number[][] {
  const count = Math.ceil(participants / threshold);
  return Array.from({ length: count }, (_, window) =>
    Array.from({ length: threshold }, (_, i) => (window * threshold + i) % participants).sort((a, b) => a - b),
  );
}

/** Has every subset sign with both keys. */
export async function proveKeys(input: ProofInput, key: FederationKey): Promise<ProofVerdict> {
  const subsets = rotatingSubsets(key.bitcoin.threshold, key.bitcoin.participants);
  const { ceremonyId: ceremony_id, transcriptHash: transcript_hash } = key;
  const intent: CeremonyProofIntent = { kind: 'ceremony_proof', ceremony_id, transcript_hash };
  const signatures = { bip340: '', ed25519: '' };
  for (const subset of subsets) {
    for (const name of ['bip340', 'ed25519'] as const) {
      const signed = await signWith(input, key, intent, name, subset);
      if (typeof signed === 'string') return { ok: false, detail: signed };
      signatures[name] = toHex(signed);
    }
  }
  return { ok: true, bitcoin: signatures.bip340, attestation: signatures.ed25519, subsets };
}

async function signWith(
  input: ProofInput,
  key: FederationKey,
  intent: CeremonyProofIntent,
  name: SchemeName,
  subset: readonly number[],
): Promise<Uint8Array | string> {
  const { keys, signing, effects, deadline, signal } = input;
  const messages = ceremonyProofMessages(name, intent);
  const groupKey = name === 'bip340' ? key.bitcoin : key.attestation;
  const task = { scheme: keys.scheme(name), keyId: key.keyId, key: groupKey, intent, messages };
  for (let pause = RETRY_MS; ; ) {
    const result = await signing.coordinate(task, subset);
    const signature = result.kind === 'signed' ? result.signatures[0] : undefined;
    if (signature !== undefined) return signature;
    if (signal.aborted || effects.monotonic() + pause >= deadline) {
      const why = 'exclusions' in result ? result.exclusions : [];
      const who = why.map(({ index, reason, detail }) => `operator ${index}: ${reason} (${detail})`).join('; ');
      return `operators ${subset.join(', ')} did not sign: ${who}`;
    }
    await effects.sleep(pause, signal);
    const { exclusions } = result;
    const isOnlyEarly = exclusions.length > 0 && exclusions.every(({ reason }) => isNotReadyYet(reason));
    if (!isOnlyEarly) pause = Math.min(2 * pause, RETRY_MS_MAX);
  }
}
