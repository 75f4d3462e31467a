// Reads the form of an act: text as a browser sends it, into the parameters that the command's own schema checks. What is wrong is
// told by field, so that it can stand beside it.
import type { z } from 'zod';
import type { CommandParams } from '../runtime/command-types.ts';
import { commandParams } from '../runtime/command-types.ts';
import { type ActCommand, actDefinition, type FieldKind } from './act-definitions.ts';

/** Fields of a form by name, each with its values. */
export type FormFields = ReadonlyMap<string, readonly string[]>;

/** What is wrong with a form, a sentence by field. */
export type FieldFaults = Readonly<Record<string, string>>;

/** Parameters, or what is wrong with the form. */
export type FormVerdict<C extends ActCommand> =
  | { readonly ok: true; readonly params: CommandParams<C> }
  | { readonly ok: false; readonly faults: FieldFaults };

type Schemas = { readonly [C in ActCommand]: z.ZodType<CommandParams<C>> };
const schemas: Schemas = commandParams;

const NEEDED = 'This is needed.';

/** Reads the form of an act. */
export function readActForm<C extends ActCommand>(command: C, form: FormFields): FormVerdict<C> {
  const { fields } = actDefinition(command);
  const values: Record<string, unknown> = {};
  const faults: Record<string, string> = {};
  for (const [name, kind] of Object.entries(fields)) {
    const value = readField(kind, form.get(name) ?? []);
    if (value instanceof FieldFault) faults[name] = value.sentence;
    else if (value !== undefined) values[name] = value;
  }
  const checked = schemas[command].safeParse(values);
  if (Object.keys(faults).length === 0 && checked.success) return { ok: true, params: checked.data };
  for (const issue of checked.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '');
    faults[name] ??= values[name] === undefined ? NEEDED : `${capital(issue.message)}.`;
  }
  return { ok: false, faults };
}

class FieldFault {
  readonly sentence: string;
  constructor(sentence: string) {
    this.sentence = sentence;
  }
}

// Undefined where the field is empty: then the schema's default holds, or the field is needed.
function readField(kind: FieldKind, given: readonly string[]): unknown {
  // A browser sends the lines of a text with CR LF.
  const [text = ''] = given.map((one) => one.replaceAll('\r\n', '\n').trim());
  switch (kind) {
    case 'flag':
      return text !== '' && text !== 'off';
    case 'nullable-text':
      return text === '' ? null : text;
    case 'text':
      return text === '' ? undefined : text;
    case 'list': {
      const lines = given.flatMap((one) => one.split(/[\s,]+/)).filter((line) => line !== '');
      return lines.length === 0 ? undefined : lines;
    }
    case 'number':
      return text === '' ? undefined : /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : fault('Write a number.');
    case 'time':
      return text === '' ? undefined : timeOf(text);
    case 'json':
      return text === '' ? undefined : objectOf(text);
  }
}

// A browser's own field for a time has no zone; the page says that it is UTC.
function timeOf(text: string): unknown {
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
  const time = new Date(zoned);
  return Number.isNaN(time.getTime())
    ? fault('Write a date and a time, such as 2027-03-01T14:00.')
    : time.toISOString();
}

function objectOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below.
  }
  return fault('This is not the content of such a file: paste all of it, from { to }.');
}

function fault(sentence: string): FieldFault {
  return new FieldFault(sentence);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
