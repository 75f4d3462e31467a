// Commands about people and what happens between organisations: whom to call, incidents, and the date of the key ceremony.
// Parameters and results, as they travel over the control socket; times are ISO 8601 text.
import { z } from 'zod';
import type { Contact, ContactRole, Contacts } from '../../crypto/contacts.ts';

/** Parameters of these commands. */
export const incidentCommandParams = {
  contacts: z.strictObject({}),
} as const;

/** The levels of escalation of the launch instructions, with whom each calls. */
export const ESCALATION_LEVELS = [
  { level: 1, what: 'technical issue', role: 'technical_coordinator' },
  { level: 2, what: 'security concern', role: 'security_officer' },
  { level: 3, what: 'critical emergency', role: 'emergency_contact' },
] as const satisfies readonly { readonly level: number; readonly what: string; readonly role: ContactRole }[];
export type EscalationLevel = (typeof ESCALATION_LEVELS)[number]['level'];

/** Whom to call at one operator; `role` null: what the card says of the organisation as a whole, as nobody has the role. */
export interface OperatorContact {
  readonly index: number;
  readonly name: string;
  readonly own: boolean;
  readonly role: ContactRole | null;
  readonly contact: Contact | null;
}

/** Whom each level calls, in the order in which to call them. */
export interface ContactsReport {
  readonly levels: readonly {
    readonly level: EscalationLevel;
    readonly what: string;
    readonly role: ContactRole;
    readonly operators: readonly OperatorContact[];
  }[];
  /** All that the cards say. */
  readonly cards: readonly { readonly index: number; readonly name: string; readonly contacts: Contacts }[];
  /** Of whom no card is here. */
  readonly missing_cards: readonly number[];
}

/** Results of these commands. */
export interface IncidentCommandResults {
  contacts: ContactsReport;
}

/** What became of one run of `notify_command`; `output`: the beginning of what it wrote. */
export interface NotifyOutcome {
  readonly ok: boolean;
  readonly detail: string;
  readonly output: string;
}
