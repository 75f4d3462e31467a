// Who may restore key material: where the accounts of the node are still there, one of its users signs in, and a second person
// of another role where it has more than one user. The accounts are files of the machine, and in no backup: where they are gone,
// nobody is asked (docs/SECURITY.md, "Accounts").
import type { Json } from '../../crypto/canonical-json.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { openStore } from '../../store/open.ts';
import { withAccounts } from '../accounts/accounts.ts';
import { authorise } from '../accounts/authorise.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Credentials } from '../runtime/account-command-types.ts';
import type { Effects } from '../runtime/effects.ts';

/** An entry for the audit log of the node, once it has a database again. */
export interface RestoreAct {
  readonly kind: string;
  readonly body: Json;
}

/** What the gate needs: the configuration by which the accounts are found. */
export interface RestoreGateInput {
  readonly config: OperatorConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly effects: Effects;
}

/**
 * Signs in whoever restores, and says what the audit log has to hold of it; nothing where there are no users. Throws the
 * refusals of `authorise`, whose entries `isOwn`, a database of this node that stays, takes at once.
 */
export async function authoriseRestore(
  input: RestoreGateInput,
  isOwn: boolean,
  shown: readonly Credentials[],
): Promise<readonly RestoreAct[]> {
  const acts: RestoreAct[] = [];
  const audit = (kind: string, body: Json): void => void acts.push({ kind, body });
  try {
    await withAccounts(input, { create: false }, (accounts) => {
      // A node of one user has nobody else to ask.
      const singleOperator = input.config.singleOperator || (accounts?.count() ?? 0) < 2;
      const act = { action: 'recover-key', command: 'restore-key-share', shown } as const;
      return authorise({ accounts, singleOperator, audit }, act);
    });
    return acts;
  } catch (error) {
    if (isOwn) recordActs(input, acts);
    throw error;
  }
}

/** Writes into the audit log of the node who restored it. No other process may have its database open. */
export function recordActs({ config, effects }: RestoreGateInput, acts: readonly RestoreAct[]): void {
  if (acts.length === 0) return;
  const store = openStore(config.securityDbPath);
  try {
    for (const { kind, body } of acts) appendAudit(store.db, effects.now(), kind, body);
  } finally {
    store.close();
  }
}
