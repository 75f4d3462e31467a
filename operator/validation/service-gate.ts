// Whether this node signs real things at all. Nothing real before its operator has enabled the service; no new attestations
// while it is disabled, but burns are still paid, for their owners have nothing else left. Key ceremonies, their proofs, and
// what only tests are not asked.
import type { Intent } from '../../ceremony/intent.ts';
import type { Queries } from '../../store/database.ts';
import { serviceSwitch } from '../../store/service.ts';
import { type Refusal, refuse } from './verdict.ts';

/** What the service consists of. */
export type ServiceWork = 'attestations' | 'payouts';

/** Why this node does none of this work now; null where it does. */
export function serviceStops(db: Queries, work: ServiceWork): string | null {
  const { state } = serviceSwitch(db);
  if (state === 'off') {
    return 'the service was never enabled at this node: `mpc_operator enable-service` begins real attestations and payouts';
  }
  if (state === 'disabled' && work === 'attestations') {
    return 'the service is disabled at this node: it attests nothing new until `mpc_operator enable-service`';
  }
  return null;
}

/** The refusal of an intent that is work of the service, while this node does none; null where nothing speaks against it. */
export function refuseService(db: Queries, intent: Intent): Refusal | null {
  const work = workOf(intent);
  const why = work === null ? null : serviceStops(db, work);
  return why === null ? null : refuse('service_off', why);
}

function workOf(intent: Intent): ServiceWork | null {
  switch (intent.kind) {
    case 'test_message':
    case 'ceremony_proof':
      return null;
    case 'attestation':
      return intent.test ? null : 'attestations';
    case 'line':
      return intent.test ? null : 'payouts';
  }
}
