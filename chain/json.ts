// JSON from other programs, read without losing digits: a number that is not a plain safe integer keeps its own text
// (ECMAScript "JSON.parse source text access"). So 0.10000000 arrives as '0.10000000', and never as a binary fraction.

const INTEGER = /^-?\d+$/;

/** Parses JSON; numbers beyond plain safe integers become strings. Throws SyntaxError without quoting the text. */
export function parseExactJson(text: string): unknown {
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    throw new SyntaxError('not JSON');
  }
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  if (context?.source === undefined) throw new Error('the runtime does not give the source text of JSON numbers');
  return INTEGER.test(context.source) && Number.isSafeInteger(value) ? value : context.source;
}
