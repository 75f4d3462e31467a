// Reads forms as browsers post them.

import type { z } from 'zod';
import type { FormFields } from '../../operator/admin/act-form.ts';
import type { PasskeyAnswer, Shown } from '../../operator/admin/desk.ts';
import { authenticationSchema, registrationSchema, type Site } from '../../operator/admin/passkeys.ts';
import { hostName } from './guard.ts';
import type { AdminContext } from './render.ts';

/** A posted form: its fields by name. */
export async function readForm(c: AdminContext): Promise<FormFields> {
  const fields = new Map<string, readonly string[]>();
  const type = c.req.header('content-type') ?? '';
  if (!/^(application\/x-www-form-urlencoded|multipart\/form-data)\b/.test(type)) return fields;
  for (const [name, given] of Object.entries(await c.req.parseBody({ all: true }))) {
    const values = await Promise.all([given].flat().map((one) => (typeof one === 'string' ? one : one.text())));
    // A file that was not chosen comes as an empty one, beside the field to paste into.
    const filled = values.filter((value) => value !== '');
    fields.set(name, filled.length === 0 ? values.slice(0, 1) : filled);
  }
  return fields;
}

/** The first value of a field; empty where there is none. */
export function textField(form: FormFields, name: string): string {
  return form.get(name)?.[0] ?? '';
}

/** The site as the browser knows it, to which its passkeys belong. */
export function siteOf(c: AdminContext): Site {
  const host = c.req.header('host') ?? '';
  return { origin: `https://${host}`, host: hostName(host) };
}

/** What somebody shows to confirm: a passkey's answer where the form has one, else a code. */
export function shownBy(c: AdminContext, form: FormFields): Shown {
  const passkey = passkeyAnswer(textField(form, 'passkey'));
  return passkey === null ? { code: textField(form, 'code') } : { passkey, site: siteOf(c) };
}

/** An authenticator's answer to a question for a passkey; null where the text is none. */
export function passkeyAnswer(text: string): PasskeyAnswer | null {
  return authenticationSchema.safeParse(json(text)).data ?? null;
}

/** An authenticator's answer to the making of a passkey; null where the text is none. */
export function registrationAnswer(text: string): z.infer<typeof registrationSchema> | null {
  return registrationSchema.safeParse(json(text)).data ?? null;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
