// `attest`: one deposit into a mint at an operator's word. Asking twice for one deposit gives the attestation that is there.

import { type Attestation, encodeAttestation } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { type Bridge, notSigned, requireLiveKey, signingReport } from '../bridge/bridge.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults } from '../runtime/command-types.ts';
import type { Progress } from '../runtime/progress.ts';
import { askFor, keepAndTell } from './attest-batch.ts';
import { keptAttestation } from './kept-attestations.ts';
import { handIn } from './mints.ts';

/** An attestation that still runs this long is given again instead of signed anew, in seconds. */
const REUSE_MARGIN_S = 600;

type Claim = CommandParams<'attest'>;

/** Attests a deposit. Throws `CommandError` with the name of the refusal where this node or the federation says no. */
export async function attest(bridge: Bridge, claim: Claim, progress: Progress): Promise<CommandResults['attest']> {
  const key = requireLiveKey(bridge.keys);
  const begun = bridge.effects.now();
  const kept = claim.test ? null : reusable(bridge, claim, begun);
  if (kept !== null) {
    progress({ step: 'known', text: 'this deposit is attested already' });
    const outcome = await handIn(bridge, kept);
    const signing = { signers: [], excluded: [], duration_ms: 0 };
    return { attestation: { ...encodeAttestation(kept) }, test: false, ...outcome, signing };
  }
  progress({
    step: 'sign',
    text: `checking the deposit on our own Bitcoin nodes, then asking ${key.attestation.threshold} operators to sign`,
  });
  const answer = await askFor(bridge, key, [claim], claim.test);
  if (answer.kind === 'own') throw answer.error;
  if (answer.kind === 'failed') throw notSigned(answer.result);
  const [attestation] = answer.attestations;
  if (attestation === undefined) throw new Error('one deposit has one attestation');
  const signing = signingReport(answer.result, begun, bridge.effects.now());
  const json = { ...encodeAttestation(attestation) };
  if (claim.test) {
    return { attestation: json, test: true, submitted: false, detail: 'a test attestation mints nothing', signing };
  }
  await keepAndTell(bridge, [attestation]);
  progress({ step: 'submit', text: 'handing the attestation in on Wire' });
  return { attestation: json, test: false, ...(await handIn(bridge, attestation)), signing };
}

function reusable(bridge: Bridge, claim: Claim, now: number): Attestation | null {
  const attestation = keptAttestation(bridge.db, claim);
  if (attestation === null) return null;
  if (toHex(attestation.recipient) !== claim.recipient || `${attestation.amountSats}` !== claim.amount) {
    const before = `${attestation.amountSats} sats for ${toHex(attestation.recipient)}`;
    throw new CommandError('attested_otherwise', `${claim.txid}:${claim.vout} was attested with ${before}`);
  }
  return attestation.expiry > BigInt(Math.floor(now / 1000) + REUSE_MARGIN_S) ? attestation : null;
}
