// Who to call: the people on an operator card, by the roles of the launch instructions. Other operators read this on their
// screens at night, so nothing in it may hide, turn around or imitate anything.
import { z } from 'zod';
import type { Json } from './canonical-json.ts';

/** The roles of the launch instructions, in the order of the levels of escalation. */
export const CONTACT_ROLES = ['technical_coordinator', 'security_officer', 'emergency_contact'] as const;
export type ContactRole = (typeof CONTACT_ROLES)[number];

/** Text of one line, 1 to `max` characters, without control, direction and other characters that do not show. */
export const shownLine = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);

const emailField = shownLine(254).regex(/^[^\s@<>()[\]\\,;:"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/);
const phoneField = z.string().regex(/^\+?[0-9][0-9 ()./-]{2,62}$/);

/** A person, and at least one way to reach them; `messaging`: a secure messenger and the name there. */
export const contactSchema = z
  .strictObject({
    name: shownLine(100),
    email: emailField.optional(),
    phone: phoneField.optional(),
    messaging: shownLine(254).optional(),
  })
  .refine(({ email, phone, messaging }) => (email ?? phone ?? messaging) !== undefined);
export type Contact = Readonly<z.infer<typeof contactSchema>>;

/** The people by role. */
export const roleContacts = {
  technical_coordinator: contactSchema.optional(),
  security_officer: contactSchema.optional(),
  emergency_contact: contactSchema.optional(),
} as const satisfies Readonly<Record<ContactRole, z.ZodType>>;
export type RoleContacts = { readonly [R in ContactRole]?: Contact | undefined };

/** The contacts on a card: of the organisation as a whole, and by role. */
export const contactsSchema = z.strictObject({
  email: shownLine(254).optional(),
  phone: shownLine(64).optional(),
  matrix: shownLine(254).optional(),
  url: shownLine(512).optional(),
  ...roleContacts,
});
export type Contacts = Readonly<z.infer<typeof contactsSchema>>;

/** The same as JSON: members that are present but undefined are left out. */
export function contactsJson(contacts: Contacts): Json {
  return JSON.parse(JSON.stringify(contacts));
}
