// CPU of one participant of an 11-of-15 ChillDKG, from its first message to its key, against one participant of noble's
// DKG for the same curve.
import { schnorr_FROST } from '@noble/curves/secp256k1.js';
import {
  coordinatorFinalize,
  coordinatorStep1,
  hostpubkeyGen,
  participantFinalize,
  participantStep1,
  participantStep2,
} from '../crypto/chilldkg.ts';
import { randomBytes } from './deal.ts';
import { type BenchOptions, cpuMs, figure, interleaved, type Report } from './measure.ts';

const [THRESHOLD, PARTICIPANTS] = [11, 15];
const TARGET = 0.6;
const INDICES = Array.from({ length: PARTICIPANTS }, (_, index) => index);

/** The figure of ChillDKG. */
export async function dkgCpu({ quick }: BenchOptions): Promise<Report> {
  const subjects = { chilldkg: chilldkgParticipant(), noble: nobleParticipant() };
  const times = await interleaved(subjects, quick ? 7 : 31, cpuMs);
  const name = `ChillDKG ${THRESHOLD}-of-${PARTICIPANTS} CPU per participant / noble DKG`;
  return {
    figures: [figure(name, times.chilldkg / times.noble, TARGET, 'lower')],
    notes: [`ChillDKG: ${times.chilldkg.toFixed(1)} ms CPU per participant, noble ${times.noble.toFixed(1)} ms`],
  };
}

function chilldkgParticipant(): () => void {
  const hostSecrets = INDICES.map(() => randomBytes(32));
  const params = { hostpubkeys: hostSecrets.map((secret) => hostpubkeyGen(secret)), threshold: THRESHOLD };
  // Everything follows from these, so that the measured participant meets the answers to its own messages.
  const randoms = INDICES.map(() => randomBytes(32));
  const aux = randomBytes(32);
  const randomOf = (index: number) => randoms[index] ?? aux;
  const first = hostSecrets.map((secret, index) => participantStep1(secret, params, randomOf(index)));
  const coordinator = coordinatorStep1(
    first.map(({ message }) => message),
    params,
  );
  const second = first.map(({ state }, index) =>
    participantStep2(hostSecrets[index] ?? aux, state, coordinator.message, aux),
  );
  const certificate = coordinatorFinalize(
    coordinator.state,
    second.map(({ message }) => message),
  );
  const [mine = aux] = hostSecrets;
  return () => {
    const { state } = participantStep1(mine, params, randomOf(0));
    const agreed = participantStep2(mine, state, coordinator.message, aux);
    participantFinalize(agreed.state, certificate.message);
  };
}

function nobleParticipant(): () => void {
  const frost = schnorr_FROST;
  const size = { min: THRESHOLD, max: PARTICIPANTS };
  const [mine = '', ...others] = INDICES.map((index) => frost.Identifier.fromNumber(index + 1));
  const fromOthers = others.map((id) => frost.DKG.round1(id, size));
  const packageOfMine = frost.DKG.round1(mine, size).public;
  const packages = fromOthers.map((made) => made.public);
  // A share depends on the recipient's identifier alone, so it fits every run of the measured participant.
  const shares = fromOthers.flatMap(({ secret, public: own }) => {
    const rest = [packageOfMine, ...packages.filter((one) => one !== own)];
    return frost.DKG.round2(secret, rest)[mine] ?? [];
  });
  return () => {
    const { secret } = frost.DKG.round1(mine, size);
    frost.DKG.round2(secret, packages);
    frost.DKG.round3(secret, packages, shares);
  };
}
