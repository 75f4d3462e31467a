// What came back from a signer, as events of the signing ceremony.
import { parseMessage } from '../../ceremony/messages.ts';
import type { SigningEvent } from '../../ceremony/signing/coordinator.ts';
import type { SendResult } from '../peers/deliver.ts';
import type { OutMessage } from '../peers/peer-reply.ts';

/** The events in a signer's answer; `boot` is the start of its process that answered, `now` in ms. At least one. */
export function eventsOf(
  from: number,
  messages: readonly OutMessage[],
  boot: string,
  now: number,
): readonly SigningEvent[] {
  const events: SigningEvent[] = [];
  for (const { type, body } of messages) {
    const parsed = parseMessage(type, body);
    if (!parsed.ok) continue;
    const { message } = parsed;
    if (message.type === 'nonces' && message.body.boot === boot) {
      events.push({ kind: 'nonces', now, from, body: message.body });
    }
    if (message.type === 'sign_response') events.push({ kind: 'response', now, from, body: message.body });
    if (message.type === 'sign_refusal') events.push({ kind: 'refusal', now, from, body: message.body });
  }
  if (events.length > 0) return events;
  return [{ kind: 'failed', now, from, reason: 'malformed', detail: 'gave an answer of another kind' }];
}

/** The event of a request that got no answer. */
export function failureOf(from: number, result: Extract<SendResult, { ok: false }>, now: number): SigningEvent {
  if (result.error === 'timeout') return { kind: 'timeout', now, from };
  return { kind: 'failed', now, from, reason: result.error, detail: result.detail };
}
