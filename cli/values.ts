// What operators type as flag values, checked before anything is asked of the node: one sentence that names the flag,
// the value and what was expected. The node checks again what arrives over the control socket.
import { printable } from '../operator/runtime/shown-text.ts';
import { UsageError } from './errors.ts';

const VALUE_SHOWN_CHARACTERS_MAX = 80;
const SATS_DIGITS_MAX = 16;
const SATS_MAX = 2_100_000_000_000_000n;
const VOUT_MAX = 0xffff_ffff;
const HASH_CHARACTERS = 64;

/** Turns the text of a flag into its value, or throws a `UsageError`. Commander calls it with the text alone. */
export type ValueParser<T> = (text: string) => T;

/** A Bitcoin or Wire transaction id: 64 hexadecimal characters in display order, lowercased. */
export function txidValue(flag: string): ValueParser<string> {
  return (text) => hash(flag, text, 'a transaction id of 64 hexadecimal characters');
}

/** A recipient on Wire: 32 bytes as 64 hexadecimal characters, lowercased. */
export function recipientValue(flag: string): ValueParser<string> {
  return (text) => hash(flag, text, 'a Wire recipient of 64 hexadecimal characters');
}

/** An amount in whole sats, as the decimal string that the node takes. */
export function satsValue(flag: string): ValueParser<string> {
  return (text) => {
    if (/^[0-9]+(,[0-9]*)+$/.test(text)) {
      throw bad(flag, text, 'an amount in whole sats without a comma (100000000 = 1 BTC)');
    }
    if (/^[0-9]*[.][0-9]*$/.test(text)) {
      throw bad(flag, text, 'an amount in whole sats without a decimal point (100000000 = 1 BTC)');
    }
    const digits = /^[0-9]+$/.test(text) ? text.replace(/^0+(?=[0-9])/, '') : null;
    if (digits === null || digits.length > SATS_DIGITS_MAX || BigInt(digits) > SATS_MAX) {
      throw bad(flag, text, 'an amount in whole sats, at most 21 million BTC (100000000 = 1 BTC)');
    }
    return digits;
  };
}

/** As `satsValue`, of a deposit or a burn: there is none of nothing. */
export function amountValue(flag: string): ValueParser<string> {
  const value = satsValue(flag);
  return (text) => {
    const digits = value(text);
    if (digits === '0') throw bad(flag, text, 'an amount of at least 1 sat');
    return digits;
  };
}

/** The index of a transaction output, an unsigned 32-bit integer. */
export function voutValue(flag: string): ValueParser<number> {
  return wholeValue(flag, 0, VOUT_MAX, 'an output index');
}

/** A whole number from `min` to `max`; `what` says of what, as in "a whole number of seconds", `why` a sentence more. */
export function wholeValue(flag: string, min: number, max: number, what: string, why?: string): ValueParser<number> {
  return (text) => {
    const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw bad(flag, text, `${what} from ${min} to ${max}`, why);
    return value;
  };
}

/** A fee rate in sat/vB; parts of a sat are meaningful here. */
export function feeRateValue(flag: string): ValueParser<number> {
  return (text) => {
    const value = /^[0-9]{1,5}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    if (text.includes(',')) throw bad(flag, text, 'a fee rate without a comma: 2.5 is two and a half sat/vB');
    if (!(value >= 1 && value <= 10_000)) throw bad(flag, text, 'a fee rate in sat/vB, from 1 to 10000');
    return value;
  };
}

/** Text of 1 to `max` characters. */
export function textValue(flag: string, max: number, what: string): ValueParser<string> {
  return (text) => {
    if (text.length < 1 || text.length > max) throw bad(flag, text, `${what} of 1 to ${max} characters`);
    return text;
  };
}

/** Text of 1 to `max` characters in one line that all show: others read it on their screens. */
export function lineValue(flag: string, max: number, what: string): ValueParser<string> {
  const value = textValue(flag, max, what);
  return (text) => {
    const why = 'It holds line breaks or characters that do not show, or that turn the line around.';
    if (printable(text) !== text) throw bad(flag, text, `${what} in one line of characters that all show`, why);
    return value(text);
  };
}

/** A name of 1 to `max` characters that all show: others read it on their screens. */
export function nameValue(flag: string, max: number): ValueParser<string> {
  const value = textValue(flag, max, 'a name');
  return (text) => {
    const why = 'It holds characters that do not show, or that turn the line around.';
    if (printable(text) !== text) throw bad(flag, text, 'a name of characters that all show', why);
    return value(text);
  };
}

/** A moment, in ms since 1970: a date or date and time by this machine's clock, or with an offset or Z as in ISO 8601. */
export function timeValue(flag: string): ValueParser<number> {
  return (text) => {
    const isTime =
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$/.test(
        text,
      );
    // A date alone would be taken for one of UTC, and a time without an offset for one of this machine.
    const at = isTime ? Date.parse(text.includes('T') ? text : `${text}T00:00`) : Number.NaN;
    if (Number.isNaN(at)) throw bad(flag, text, 'a time such as 2026-03-01 or 2026-03-01T09:30');
    return at;
  };
}

/** One of a few words. */
export function choiceValue<T extends string>(flag: string, choices: readonly T[]): ValueParser<T> {
  return (text) => {
    const chosen = choices.find((choice) => choice === text);
    if (chosen === undefined) throw bad(flag, text, `one of ${choices.join(', ')}`);
    return chosen;
  };
}

/** A ceremony's name. `flag` may be an argument's name. */
export function ceremonyIdValue(flag: string): ValueParser<string> {
  return (text) => {
    if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text)) {
      throw bad(flag, text, 'a ceremony id of 1 to 64 letters, digits, dots, dashes or underscores');
    }
    return text;
  };
}

/** A user's name, as it is stored. `flag` may be an argument's name. */
export function userValue(flag: string): ValueParser<string> {
  return (text) => {
    if (/^[a-z0-9][a-z0-9._-]{0,31}$/.test(text)) return text;
    throw bad(flag, text, 'a user name of 1 to 32 of a-z, 0-9, dots, dashes and underscores');
  };
}

/** The error of one bad value; `why`: a sentence with the reason, where the expectation does not say it. */
export function bad(flag: string, text: string, expected: string, why?: string): UsageError {
  const shown = text.length > VALUE_SHOWN_CHARACTERS_MAX ? `${text.slice(0, VALUE_SHOWN_CHARACTERS_MAX)}…` : text;
  return new UsageError(`${flag} ${JSON.stringify(shown)} is not ${expected}.${why === undefined ? '' : ` ${why}`}`);
}

function hash(flag: string, text: string, expected: string): string {
  if (text.length !== HASH_CHARACTERS || !/^[0-9a-fA-F]+$/.test(text)) throw bad(flag, text, expected);
  return text.toLowerCase();
}
