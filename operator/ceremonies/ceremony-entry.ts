// Whether an operator's word may begin, or go on with, a key ceremony at this node.

import { getCeremony } from '../../store/ceremonies.ts';
import type { Queries } from '../../store/database.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams } from '../command-types.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Keys } from '../keys.ts';
import { listCards, missingCards } from '../transport/federation.ts';

/** What the entry is judged by. */
export interface EntryInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keys: Keys;
}

/** Throws `CommandError` where the ceremony may not be entered. */
export function assertMayEnter({ config, db, keys }: EntryInput, params: CommandParams<'dkg'>): void {
  const { ceremony_id: id, rehearsal } = params;
  const missing = missingCards(config, listCards(db));
  if (missing.length > 0) {
    const which = missing.map((index) => `${index} (${config.partyAddresses[index]?.text})`).join(', ');
    const detail = `no operator card of operator ${which} is here: run \`mpc_operator peer add\``;
    throw new CommandError('cards_missing', detail);
  }
  const known = getCeremony(db, id);
  if (known !== null && known.status !== 'running') {
    const detail = `ceremony ${id} is ${known.status} already: choose another --ceremony-id`;
    throw new CommandError('ceremony_exists', detail);
  }
  if (known !== null && known.rehearsal !== rehearsal) {
    const begun = known.rehearsal ? 'a rehearsal' : 'the real thing';
    throw new CommandError('ceremony_exists', `ceremony ${id} was begun as ${begun}: choose another --ceremony-id`);
  }
  if (!rehearsal && keys.live() !== null) {
    throw new CommandError('key_exists', 'the federation has a live key already; a new one is made by key rotation');
  }
}
