// After a key ceremony: every share signs once with both new keys, in rotating subsets of t, so that no share is found
// wanting only when it is needed.

import type { CeremonyProofIntent } from '../../ceremony/intent.ts';
import { ceremonyProofMessages } from '../../ceremony/intent-messages.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { CommandError } from '../command-error.ts';
import type { Effects } from '../effects.ts';
import type { FederationKey, Keys } from '../keys.ts';
import type { Signing } from '../signing/signing.ts';

/** Pause before a subset is tried again, in ms: the others may still be sealing their key files. */
const RETRY_MS = 500;
const LOOK_MS = 100;

/** What proving works with. `deadline` in ms since 1970. */
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

/** The fewest subsets of t indices that hold all n: windows that wrap around at the end, each in ascending order. */
export function rotatingSubsets(threshold: number, participants: number): number[][] {
  const count = Math.ceil(participants / threshold);
  return Array.from({ length: count }, (_, window) =>
    Array.from({ length: threshold }, (_, i) => (window * threshold + i) % participants).sort((a, b) => a - b),
  );
}

/** Has every subset sign with both keys. Throws `CommandError` naming who did not. */
export async function proveKeys(input: ProofInput, key: FederationKey): Promise<KeyProofs> {
  const subsets = rotatingSubsets(key.bitcoin.threshold, key.bitcoin.participants);
  const { ceremonyId: ceremony_id, transcriptHash: transcript_hash } = key;
  const intent: CeremonyProofIntent = { kind: 'ceremony_proof', ceremony_id, transcript_hash };
  const signatures = { bip340: '', ed25519: '' };
  for (const subset of subsets) {
    for (const name of ['bip340', 'ed25519'] as const) {
      signatures[name] = toHex(await signWith(input, key, intent, name, subset));
    }
  }
  return { bitcoin: signatures.bip340, attestation: signatures.ed25519, subsets };
}

/** Waits for the coordinator's proof, as `look` finds it stored. Throws `CommandError` where it does not come in time. */
export async function proofAwaited(input: {
  readonly effects: Effects;
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly look: () => number[][] | null;
}): Promise<number[][]> {
  const { effects, deadline, signal, look } = input;
  while (effects.now() < deadline && !signal.aborted) {
    const subsets = look();
    if (subsets !== null) return subsets;
    await effects.sleep(LOOK_MS, signal);
  }
  const told = 'the keys are made and safe, but the coordinator has not shown that they sign';
  throw new CommandError('not_proven', told);
}

async function signWith(
  input: ProofInput,
  key: FederationKey,
  intent: CeremonyProofIntent,
  name: SchemeName,
  subset: readonly number[],
): Promise<Uint8Array> {
  const messages = ceremonyProofMessages(name, intent);
  const groupKey = name === 'bip340' ? key.bitcoin : key.attestation;
  const task = { scheme: input.keys.scheme(name), keyId: key.keyId, key: groupKey, intent, messages };
  for (;;) {
    const result = await input.signing.coordinate(task, subset);
    const signature = result.kind === 'signed' ? result.signatures[0] : undefined;
    if (signature !== undefined) return signature;
    if (input.signal.aborted || input.effects.now() >= input.deadline) {
      const why = 'exclusions' in result ? result.exclusions : [];
      const who = why.map(({ index, reason, detail }) => `operator ${index}: ${reason} (${detail})`).join('; ');
      throw new CommandError(
        'not_proven',
        `the keys are made, but operators ${subset.join(', ')} did not sign: ${who}`,
      );
    }
    await input.effects.sleep(RETRY_MS, input.signal);
  }
}
