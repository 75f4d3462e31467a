// This node's own operator card beside its certificate file: a certificate that was renewed makes the card stale, and peers
// that took the stale card would refuse this node. Contacts that changed make it stale as well.
import { cardFingerprint, type OperatorCard } from '../crypto/operator-card.ts';
import { bindDatabase } from './keys/database-owner.ts';
import type { Node } from './node.ts';
import { PEM_BYTES_MAX, readCertificate } from './peers/certificate.ts';
import { ensureOwnCard, listCards, ownContacts } from './peers/federation.ts';
import { provenTlsIdentity } from './peers/tls-self-test.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandResults } from './runtime/command-types.ts';

/** The card as it is stored. Throws `CommandError` where there is none. */
export function ownCard(node: Node): OperatorCard {
  const own = listCards(node.store.db).find((card) => card.index === node.config.myIndex);
  if (own !== undefined) return own;
  throw new CommandError('no_card', 'this node has no operator card yet: run `mpc_operator init`');
}

/** `peer-export`: the card. Throws `CommandError` where it is not that of the certificate file and the contacts any more. */
export async function exportCard(node: Node): Promise<CommandResults['peer-export']> {
  const card = ownCard(node);
  if (await isStale(node)) {
    const changed = `${node.config.tlsCertPath} or "contacts" has changed since this node made its card`;
    const remedy =
      node.online === null ? 'run `mpc_operator unseal` first, which renews it' : 'restart the server first';
    throw new CommandError('card_stale', `${changed}: ${remedy}, then export the card`);
  }
  return { card: { ...card }, fingerprint: cardFingerprint(card).join(' ') };
}

/** Makes the card anew where the certificate file or the contacts have changed; only then is the passphrase asked for. No server may run. */
export async function renewCard(node: Node, passphrase: () => Promise<string>): Promise<void> {
  const { config, store, keyRing, input } = node;
  ownCard(node);
  if (!(await isStale(node))) return;
  const tls = await provenTlsIdentity(config, input.effects.now());
  await keyRing.unseal(await passphrase());
  bindDatabase(config, store.db, keyRing);
  ensureOwnCard(config, store.db, keyRing, tls.facts.pem, input.effects.now());
}

// A file that is gone or unreadable is told where it is used.
async function isStale(node: Node): Promise<boolean> {
  const file = Bun.file(node.config.tlsCertPath);
  const found = (await file.exists()) ? readCertificate(await file.slice(0, PEM_BYTES_MAX).text()) : null;
  const card = ownCard(node);
  if (!Bun.deepEquals(ownContacts(node.config, card), card.contacts)) return true;
  const shown = readCertificate(card.tls_certificate);
  return found !== null && found.fingerprint !== shown?.fingerprint;
}
