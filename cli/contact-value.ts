// `--contact` of `init`: a person by role, written as the launch instructions write it: ROLE: Name - Email - Phone.
import { CONTACT_ROLES, type Contact, type ContactRole, contactSchema } from '../crypto/contacts.ts';
import { bad } from './values.ts';

/** A role, and who has it. */
export interface RoleContact {
  readonly role: ContactRole;
  readonly contact: Contact;
}

const WORDS = CONTACT_ROLES.map(roleWord);
const FORM = `a contact such as "${WORDS[0]}: Ann Smith - ann@example.org - +49 30 123456 - Signal ann.42"`;

/** `technical-coordinator` for `technical_coordinator`. */
export function roleWord(role: ContactRole): string {
  return role.replaceAll('_', '-');
}

/** Reads a contact; commander calls it with those given before. Name first; e-mail, phone and messenger as they come. */
export function contactValue(text: string, before: readonly RoleContact[] = []): readonly RoleContact[] {
  const colon = text.indexOf(':');
  const role = CONTACT_ROLES.find((one) => roleWord(one) === text.slice(0, Math.max(0, colon)).trim());
  if (role === undefined) throw bad('--contact', text, FORM, `The roles are ${WORDS.join(', ')}.`);
  const [name = '', ...ways] = text
    .slice(colon + 1)
    .split(/\s+-\s+/)
    .map((part) => part.trim());
  const found: { name: string; email?: string; phone?: string; messaging?: string } = { name };
  for (const way of ways) {
    const kind = kindOf(way);
    if (found[kind] !== undefined) throw bad('--contact', text, FORM, `It has two for ${kind}.`);
    found[kind] = way;
  }
  const contact = contactSchema.safeParse(found);
  if (!contact.success) {
    const why =
      'It needs a name and a valid e-mail address, phone number or messenger, without characters that do not show.';
    throw bad('--contact', text, FORM, why);
  }
  return [...before, { role, contact: contact.data }];
}

function kindOf(way: string): 'email' | 'phone' | 'messaging' {
  if (/^\+?[0-9]/.test(way)) return 'phone';
  return /^\S+@\S+$/.test(way) ? 'email' : 'messaging';
}
