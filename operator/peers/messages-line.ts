// The messages by which operators tell each other of steps of the line: what was signed, and the lists of burns that a
// commitment alone does not show. Each is a claim, which its receiver verifies; nothing is signed because of it.
import { z } from 'zod';
import { hexOf } from '../../crypto/json-fields.ts';
import { lineSchema } from '../../crypto/line-json.ts';

/** Largest transaction that is told, in bytes of its serialisation. */
export const STEP_BYTES_MAX = 200_000;
/** Most signed steps that are not mined, and most lists, that one message names or tells. */
export const STEPS_TOLD_MAX = 64;

const transaction = z
  .string()
  .regex(/^([0-9a-f]{2})+$/)
  .max(STEP_BYTES_MAX * 2);
const txids = z.array(hexOf(32)).max(STEPS_TOLD_MAX);

/** Body schemas by message type. */
export const lineSchemas = {
  /** A step that the group has signed. */
  announce_step: z.strictObject({ intent: lineSchema, transaction }),
  /** `held`: signed steps that the asker has; `unlisted`: steps whose burns it does not know. */
  line_request: z.strictObject({ held: txids, unlisted: txids }),
  line: z.strictObject({
    /** Signed steps that are not mined and that the asker does not hold, parents first. */
    steps: z.array(z.strictObject({ intent: lineSchema, transaction })).max(STEPS_TOLD_MAX),
    /** The meaning of steps that were asked for. */
    lists: z.array(lineSchema).max(STEPS_TOLD_MAX),
  }),
} as const;

export type StepTold = Readonly<z.infer<(typeof lineSchemas)['announce_step']>>;
export type LineRequest = Readonly<z.infer<(typeof lineSchemas)['line_request']>>;
export type LineAnswer = Readonly<z.infer<(typeof lineSchemas)['line']>>;
