// A node signs on its own database alone. What a database knows of its node is compared as soon as it can be: network and
// index when it is opened, the identity key when the key file is.
import { toHex } from '../../crypto/bytes.ts';
import type { Queries } from '../../store/database.ts';
import { liveKey } from '../../store/keys.ts';
import { ownerOf, recordOwner } from '../../store/owner.ts';
import { listPeers } from '../../store/peers.ts';
import type { OperatorConfig } from '../config/config.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { KeyRing } from './key-ring.ts';

const REMEDY = 'put this node’s own database in its place, or correct the configuration';

type Place = Pick<OperatorConfig, 'network' | 'myIndex' | 'securityDbPath'>;

/** Throws `CommandError` where the database belongs to a node of another network or index. */
export function assertOwnPlace({ network, myIndex, securityDbPath }: Place, db: Queries): void {
  const owner = ownerOf(db);
  if (owner === null || (owner.network === network && owner.index === myIndex)) return;
  const whose = `operator ${owner.index} on ${owner.network}`;
  // Before a key is made, a wrong network or index is a slip of the set-up.
  const anew = liveKey(db) === null ? '; `mpc_operator init` says how to start over' : '';
  const flaw = `${securityDbPath} is the database of ${whose}, not of operator ${myIndex} on ${network}`;
  throw foreign(`${flaw}: ${REMEDY}${anew}`);
}

/**
 * Throws `CommandError` where the database belongs to a node with another identity key; one that has no owner yet is this
 * node's from now on. The key ring must be open.
 */
export function bindDatabase(config: Place, db: Queries, keyRing: KeyRing): void {
  assertOwnPlace(config, db);
  const { network, myIndex, securityDbPath } = config;
  const identityKey = toHex(keyRing.identity().publicKey);
  // Databases from before owners were written down hold the card that their node made.
  const known = ownerOf(db)?.identityKey ?? listPeers(db).find(({ index }) => index === myIndex)?.identityKey;
  if (known !== undefined && known !== identityKey) {
    const told = `${securityDbPath} belongs to a node with another identity key than the key file has`;
    throw foreign(`${told}: put the key file and the database of one node together, from its backup`);
  }
  if (ownerOf(db) === null) recordOwner(db, { network, index: myIndex, identityKey });
}

function foreign(detail: string): CommandError {
  return new CommandError('foreign_database', detail);
}
