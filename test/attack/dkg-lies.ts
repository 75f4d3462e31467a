// How an attacker's messages of a key ceremony are changed on their way, and how such a ceremony must end.
import { expect } from 'bun:test';
import type { DkgMessage } from '../../ceremony/messages.ts';
import type { AbortReason } from '../../ceremony/messages-dkg.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { listKeys } from '../../store/keys.ts';
import type { MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER, type Besieged } from './nodes.ts';
import { type Ending, honest, ScriptedCeremony, type Spoken, type Tamper } from './scripted-dkg.ts';

/** A message's body, member by member. */
export type Fields = { readonly [key: string]: Json };

/** Changes the body of one type of message. */
export function lying(
  type: DkgMessage['type'],
  change: (body: Fields, to: number) => Fields | readonly Fields[],
): Tamper {
  return (message) => {
    const [said] = honest(message);
    if (said === undefined || message.type !== type) return honest(message);
    const bodies = change(fieldsOf(said), message.to);
    return (Array.isArray(bodies) ? bodies : [bodies]).map((body): Spoken => ({ ...said, body }));
  };
}

/** The body of what is said. */
export function fieldsOf({ body }: Spoken): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error('bodies are objects');
  return Object.fromEntries(Object.entries(body));
}

/** One member as text. */
export const text = (fields: Fields, name: string): string => String(fields[name]);
/** Other characters at a place. */
export const put = (hex: string, at: number, other: string) => hex.slice(0, at) + other + hex.slice(at + other.length);
/** Another last digit at a place, counted from the end where negative. */
export function flipped(hex: string, at: number): string {
  const place = at < 0 ? hex.length + at : at;
  return put(hex, place, (Number.parseInt(hex[place] ?? '0', 16) ^ 1).toString(16));
}

/** Runs a ceremony of this name under attack; `lead`: the attacker coordinates. No honest node has keys after it. */
export async function attackedCeremony(
  besieged: Besieged,
  mallory: MaliciousPeer,
  id: string,
  tamper: Tamper,
  lead: boolean,
): Promise<Ending> {
  const ending = await new ScriptedCeremony(besieged, mallory, id, tamper).run(besieged.nodes, lead);
  for (const node of besieged.nodes) {
    expect(listKeys(node.store.db)).toEqual([]);
    expect(node.keys.live()).toBeNull();
  }
  return ending;
}

/** Every honest node has given up, and at least one has found the attacker out by itself. */
export function blamed(ending: Ending, reasons: readonly AbortReason[]): void {
  for (const error of ending.errors) expect(error?.code).toBe('dkg_aborted');
  expect(ending.phases).toEqual(['aborted', 'aborted']);
  const own = ending.aborts.filter((abort, index) => abort?.by === index);
  expect(own.length).toBeGreaterThan(0);
  for (const abort of own) {
    expect(reasons).toContain(abort?.reason ?? 'internal');
    expect(abort?.culprit === ATTACKER || abort?.suspects.includes(ATTACKER)).toBe(true);
  }
  expect(own.some((abort) => abort?.culprit === ATTACKER)).toBe(true);
  const told = ending.errors.map((error) => error?.message ?? '');
  expect(told.some((message) => message.includes(`blamed: operator ${ATTACKER} (`))).toBe(true);
}
