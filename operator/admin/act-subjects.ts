// What an act is about, as it stands now: shown to whoever confirms it, and compared again when they do. An approval is of what was
// on the screen, never of what it has become since.
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { cardFingerprint, type OperatorCard } from '../../crypto/operator-card.ts';
import { getBurn } from '../../store/burns.ts';
import { commands } from '../commands.ts';
import type { Node } from '../node.ts';
import { checkCard, listCards } from '../peers/federation.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams } from '../runtime/command-types.ts';
import { noProgress } from '../runtime/progress.ts';
import type { ActCommand } from './act-definitions.ts';

const quiet = { progress: noProgress, signal: new AbortController().signal };

/** The subject of an act as JSON; null where its parameters say all. */
export async function actSubject(node: Node, command: ActCommand, params: CommandParams<ActCommand>): Promise<Json> {
  if ((command === 'requests-approve' || command === 'requests-refuse') && 'id' in params && params.id !== null) {
    const { request } = await commands['requests-show'](node, { id: params.id }, quiet);
    const { outcome: _, ...asked } = request;
    const { burn_txid } = request;
    const burn = burn_txid === null ? null : burnText(node, burn_txid);
    return plain({ request: asked, burn, policy: await policyText(node) });
  }
  if ('burn_txid' in params) return plain({ burn: burnText(node, params.burn_txid) });
  if (command === 'peer-add' && 'card' in params) return cardSubject(node, params.card);
  if (command === 'policy-set' && 'values' in params) {
    const { values } = await commands['policy-show'](node, {}, quiet);
    const now = values.find(({ name }) => name === params.name);
    if (now === undefined) {
      const names = values.map(({ name }) => name).join(', ');
      throw new CommandError('policy_name', `the policy has no value ${params.name}: take one of ${names}`);
    }
    return plain({ name: now.name, value: now.value });
  }
  if (command.startsWith('user-') && 'user' in params) {
    const { users } = await commands['user-list'](node, {}, quiet);
    const user = users.find((one) => one.user === params.user);
    if (user === undefined) throw new CommandError('user_unknown', `there is no user ${params.user}`);
    return plain({ user: user.user, role: user.role, state: user.state });
  }
  if (command === 'treasury-open') {
    const { root, amount_min, address } = await commands.treasury(node, {}, quiet);
    return plain({ root, amount_min, address });
  }
  return null;
}

// Whose card it is, with the words that are read aloud before it counts, and whom it would replace.
function cardSubject(node: Node, told: CommandParams<'peer-add'>['card']): Json {
  const checked = checkCard(node.config, canonicalBytes(plain(told)));
  if (!checked.ok) throw new CommandError('card', checked.detail);
  const { index, name, address } = checked.card;
  const known = listCards(node.store.db).find((card) => card.index === index) ?? null;
  const words = (card: OperatorCard): string => cardFingerprint(card).join(' ');
  const replaces = known === null ? null : { name: known.name, fingerprint: words(known) };
  return { card: { index, name, address, fingerprint: words(checked.card) }, replaces };
}

// The burn as this node's own Wire nodes told it; null where they did not.
function burnText(node: Node, txid: string): Json {
  const burn = getBurn(node.store.db, txid);
  if (burn === null) return null;
  const { burnTxid, nullifier, address, amount, fee, wireHeight } = burn;
  return { burn_txid: burnTxid, nullifier, address, amount: `${amount}`, fee: `${fee}`, wire_height: wireHeight };
}

// What this operator signs: an approval is given under one policy, and void under another.
async function policyText(node: Node): Promise<Json> {
  const { values } = await commands['policy-show'](node, {}, quiet);
  return plain(Object.fromEntries(values.map(({ name, value }) => [name, value])));
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}
