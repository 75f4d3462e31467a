// `contacts`: whom to call at which operator, by the levels of the launch instructions' Appendix C, as the operator cards say.
import type { Contact, ContactRole, Contacts } from '../crypto/contacts.ts';
import type { OperatorCard } from '../crypto/operator-card.ts';
import type { Queries } from '../store/database.ts';
import type { OperatorConfig } from './config/config.ts';
import { listCards, missingCards } from './peers/federation.ts';
import {
  type ContactsReport,
  ESCALATION_LEVELS,
  type EscalationLevel,
  type OperatorContact,
} from './runtime/incident-command-types.ts';

/** A node whose cards are looked at. */
interface CardHolder {
  readonly config: OperatorConfig;
  readonly store: { readonly db: Queries };
}

/** Whom each level calls, at every operator whose card is here. */
export function contactsReport({ config, store }: CardHolder): ContactsReport {
  const cards = listCards(store.db);
  return {
    levels: ESCALATION_LEVELS.map(({ level, what, role }) => ({
      ...{ level, what, role },
      operators: cards.map((card) => operatorContact(card, role, config.myIndex)),
    })),
    cards: cards.map(({ index, name, contacts }) => ({ index, name, contacts })),
    missing_cards: missingCards(config, cards),
  };
}

/** The operators whose cards name nobody for a role that a level calls: what a checklist asks. */
export function operatorsWithoutContacts(holder: CardHolder): readonly number[] {
  const { levels, missing_cards } = contactsReport(holder);
  const lacking = levels.flatMap(({ operators }) => operators.filter(({ role }) => role === null));
  return [...new Set([...lacking.map(({ index }) => index), ...missing_cards])].sort((a, b) => a - b);
}

/** Whom a level calls, those at other operators first. */
export function contactsOfLevel(holder: CardHolder, wanted: EscalationLevel): readonly OperatorContact[] {
  const { levels } = contactsReport(holder);
  const operators = levels.find(({ level }) => level === wanted)?.operators ?? [];
  return [...operators].sort((a, b) => Number(a.own) - Number(b.own) || a.index - b.index);
}

function operatorContact({ index, name, contacts }: OperatorCard, role: ContactRole, myIndex: number): OperatorContact {
  const person = contacts[role];
  const own = index === myIndex;
  if (person !== undefined) return { index, name, own, role, contact: person };
  return { index, name, own, role: null, contact: wholeContact(name, contacts) };
}

// Better the switchboard than nobody.
function wholeContact(name: string, { email, phone, matrix }: Contacts): Contact | null {
  if (email === undefined && phone === undefined && matrix === undefined) return null;
  return {
    name,
    ...(email !== undefined && { email }),
    ...(phone !== undefined && { phone }),
    ...(matrix !== undefined && { messaging: matrix }),
  };
}
