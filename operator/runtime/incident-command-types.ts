// Commands about people and what happens between organisations: whom to call, incidents, and the date of the key ceremony.
// Parameters and results, as they travel over the control socket; times are ISO 8601 text.
import { z } from 'zod';
import { ceremonyIdField } from '../../ceremony/fields.ts';
import { type Contact, type ContactRole, type Contacts, shownLine } from '../../crypto/contacts.ts';
import { PAGE_ROWS, PAGE_ROWS_MAX } from '../../store/database.ts';
import { TIMELINE_TEXT_CHARACTERS_MAX } from '../../store/schema-timeline.ts';
import type { TimelineKind } from '../../store/timeline.ts';

const text = shownLine(TIMELINE_TEXT_CHARACTERS_MAX);
const id = z.string().regex(/^(0|[1-9][0-9]?)-[0-9a-f]{8}$/, 'expected the id of an incident');
const entry = z.strictObject({ id, text });
const time = z.iso.datetime({ offset: true });

/** Parameters of these commands. */
export const incidentCommandParams = {
  contacts: z.strictObject({}),
  escalate: z.strictObject({ level: z.literal([1, 2, 3]), summary: text }),
  'incident-list': z.strictObject({
    limit: z.int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS),
    offset: z.int().min(0).default(0),
  }),
  'incident-show': z.strictObject({ id }),
  'incident-acknowledge': entry,
  'incident-respond': entry,
  'incident-plan': entry,
  'incident-close': entry,
  'incident-test-notify': z.strictObject({}),
  'ceremony-schedule': z.strictObject({ at: time, backup: time, ceremony_id: ceremonyIdField.nullable() }),
  'ceremony-schedule-show': z.strictObject({}),
  /** `id` null: the newest proposal. */
  'ceremony-schedule-answer': z.strictObject({
    id: id.nullable(),
    answer: z.enum(['accepted', 'refused']),
    reason: text,
  }),
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

/** One line of an incident's timeline. */
export interface TimelineReport {
  readonly at: string;
  readonly operator: number;
  readonly name: string;
  readonly kind: TimelineKind;
  readonly text: string;
}

/** An incident; `level` and `summary` null: its operator's opening has not reached this node yet. */
export interface IncidentReport {
  readonly id: string;
  readonly level: EscalationLevel | null;
  readonly summary: string | null;
  readonly opened_by: number;
  readonly opened_by_name: string;
  readonly opened_at: string;
  readonly state: 'open' | 'overdue' | 'closed';
  readonly closed_at: string | null;
  readonly review: string | null;
  /** `missing`: whose step it still is; empty where any operator may take it. */
  readonly deadlines: readonly {
    readonly step: 'acknowledge' | 'respond' | 'plan';
    readonly due: string;
    readonly done_at: string | null;
    readonly overdue: boolean;
    readonly missing: readonly number[];
  }[];
  readonly timeline: readonly TimelineReport[];
}

/** Which peers have what was just said; `detail`: why not. They are told again until they answer. */
export interface DeliveryReport {
  readonly told: readonly number[];
  readonly untold: readonly { readonly index: number; readonly name: string; readonly detail: string }[];
}

/** A proposed date of the key ceremony, and who accepts it. */
export interface CeremonyDateReport {
  readonly id: string;
  readonly ceremony_id: string | null;
  readonly at: string;
  readonly backup: string;
  readonly proposed_by: number;
  readonly proposed_by_name: string;
  readonly proposed_at: string;
  readonly answers: readonly {
    readonly index: number;
    readonly name: string;
    readonly answer: 'accepted' | 'refused' | null;
    readonly reason: string | null;
  }[];
  readonly accepted: number;
  readonly participants: number;
  readonly agreed: boolean;
}

/** What became of one run of `notify_command`; `output`: the beginning of what it wrote. */
export interface NotifyOutcome {
  readonly ok: boolean;
  readonly detail: string;
  readonly output: string;
}

type Written = { readonly incident: IncidentReport; readonly delivery: DeliveryReport };

/** Results of these commands. */
export interface IncidentCommandResults {
  contacts: ContactsReport;
  escalate: Written & { readonly contacts: readonly OperatorContact[] };
  'incident-list': { readonly incidents: readonly IncidentReport[]; readonly total: number };
  'incident-show': { readonly incident: IncidentReport };
  'incident-acknowledge': Written;
  'incident-respond': Written;
  'incident-plan': Written;
  'incident-close': Written;
  'incident-test-notify': NotifyOutcome;
  'ceremony-schedule': { readonly date: CeremonyDateReport; readonly delivery: DeliveryReport };
  /** `current`: the date that counts, the newest that all accept, else the newest proposal. */
  'ceremony-schedule-show': {
    readonly current: CeremonyDateReport | null;
    readonly proposals: readonly CeremonyDateReport[];
  };
  'ceremony-schedule-answer': { readonly date: CeremonyDateReport; readonly delivery: DeliveryReport };
}
