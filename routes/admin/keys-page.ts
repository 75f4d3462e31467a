// Keys: what this node holds, its backups, and opening its key file.
import { Hono } from 'hono';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import { KeyFileError } from '../../operator/keys/key-ring.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import { WaitsFor } from '../../views/acts.tsx';
import {
  BackupCard,
  BringBack,
  KeyList,
  type MayKeys,
  Sealing,
  Unsealed,
  type UnsealFaults,
  UnsealForm,
} from '../../views/keys.tsx';
import { sentence } from '../../views/overview.tsx';
import { readForm, textField } from './form.ts';
import type { AdminEnv } from './guard.ts';
import type { AdminPage, PageRequest, Part, Status } from './page.ts';
import { framed } from './render.ts';
import { originOf } from './session.ts';
import { toldOr } from './sign-in.ts';

const ROWS = 20;

function mayKeys({ may }: Pick<PageRequest, 'may'>): MayKeys {
  return { unseal: may('unseal'), seal: may('seal'), backup: may('backup'), recover: may('recover-key') };
}

/** All keys of the federation, as this node holds them. */
export const keysPage: AdminPage = {
  pattern: '/keys',
  nav: 'keys',
  title: () => 'Keys',
  parts: async (request) => {
    const { desk, status, query, now } = request;
    const may = mayKeys(request);
    const { sealed, key_id: keyId } = status;
    const offset = Math.max(0, Math.trunc(Number(query.get('offset') ?? 0)) || 0);
    const { keys } = await desk.read('key-info', {});
    const report = await desk.read('backup-list', { limit: ROWS, offset });
    const backups = { report, keyId, sealed, offset, limit: ROWS, now, may: may.backup };
    return [
      { id: 'sealing', view: Sealing({ sealed, may }) },
      { id: 'keys', view: KeyList({ keys, now }) },
      { id: 'backups', view: BackupCard(backups) },
      { id: 'bring-back', view: BringBack({ sealed, may: may.recover }) },
    ];
  },
};

// While the node is sealed, the form is left alone; once it is open, whoever opened it, what is sent takes the form's place.
function unsealParts(desk: AdminDesk, sealed: boolean, may: boolean, faults: UnsealFaults): readonly Part[] {
  if (!sealed) return [{ id: 'unseal', view: Unsealed() }];
  if (!may) {
    const text = 'Your role may not unseal this node: an operator, a security officer or an admin has to.';
    return [{ id: 'unseal', view: WaitsFor({ text }) }];
  }
  return [{ id: 'unseal', view: UnsealForm({ file: desk.node.config.keySharePath, faults }), isStill: true }];
}

/** Where the passphrase is given. */
export const unsealPage: AdminPage = {
  pattern: '/keys/unseal',
  nav: 'keys',
  title: () => 'Unseal',
  parts: async ({ desk, may }) => unsealParts(desk, desk.node.online === null, may('unseal'), {}),
};

/** The routes of keys, for people who are signed in. */
export function keyRoutes(input: {
  readonly desk: AdminDesk;
  readonly status: () => Promise<Status>;
  readonly onAct: () => void;
}): Hono<AdminEnv> {
  const { desk, status, onAct } = input;
  const app = new Hono<AdminEnv>();
  app.post('/keys/unseal', async (c) => {
    const visitor = c.get('visitor');
    if (desk.node.online !== null) return c.redirect('/keys/unseal', 303);
    const form = await readForm(c);
    const passphrase = textField(form, 'passphrase');
    const faults = await unsealed(desk, passphrase, () =>
      desk.unseal(visitor, passphrase, textField(form, 'code'), originOf(c)),
    );
    if (faults === null) {
      onAct();
      return c.redirect('/keys/unseal', 303);
    }
    const parts = unsealParts(desk, desk.node.online === null, true, faults);
    return framed(desk, visitor, await status(), { title: 'Unseal', nav: 'keys', parts, live: '/keys/unseal' }, 422);
  });
  return app;
}

// What was wrong, by field; null where the node is open now.
async function unsealed(desk: AdminDesk, passphrase: string, run: () => Promise<void>): Promise<UnsealFaults | null> {
  if (passphrase === '') return { passphrase: 'This is needed.' };
  try {
    await run();
    return null;
  } catch (error) {
    if (error instanceof KeyFileError && error.reason === 'wrong_passphrase') {
      return { passphrase: `${sentence(error.message)} Your code is used up: wait for the next one.` };
    }
    if (error instanceof CommandError && error.code === 'sign_in_refused') return { code: sentence(error.message) };
    return { other: toldOr(desk, error) };
  }
}
