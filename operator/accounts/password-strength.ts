// Whether a new password is too easy to guess. Leaked passwords are mostly one common word, a row of the keyboard, a date, a
// repeat, or some of these joined. A few letters are often turned into digits. So a password is cut into such parts, and
// what is left must be long enough. All of it works on bytes: no text of the secret is made.

export const PASSWORD_CHARACTERS_MIN = 12;
export const PASSWORD_BYTES_MAX = 1024;
/** Characters that nothing predicts; a password of fewer is a common one with a little added. */
const UNPREDICTED_MIN = 6;
const REPEAT_MIN = 2;
const REPEAT_MAX = 64;
const RUN_MIN = 3;

// What stands at the head of lists of leaked passwords, and the words of this software's own trade. Small letters; the digits
// that stand for letters are turned back before.
const WORDS = `
password passwort passw pass secret letmein welcome hello login admin administrator root user test guest master changeme
default access server system computer internet service security operator officer observer manager office company
monkey dragon sunshine shadow princess football baseball basketball soccer hockey superman batman spiderman pokemon starwars
iloveyou loveyou lovely love forever freedom whatever trustno nothing michael michelle jennifer jessica jordan daniel thomas
charlie ashley andrew joshua robert matthew anthony william george alexander amanda nicole maria anna david james john peter
summer winter spring autumn january february march april june july august september october november december monday tuesday
wednesday thursday friday saturday sunday morning flower orange banana chocolate cookie cheese coffee butterfly purple silver
golden killer hunter ranger tigger mustang ferrari porsche mercedes yamaha harley corvette phoenix diamond heaven angel
buster pepper ginger maggie bailey cooper jasmine matrix merlin liverpool arsenal chelsea barcelona london berlin paris
america canada germany france google facebook linkedin samsung android windows microsoft apple amazon network
bitcoin satoshi nakamoto hodl lambo wallet crypto blockchain wire zerobtc btc mpc frost treasury custody bridge mainnet
correct horse battery staple qwerty qwertz azerty asdf zxcv qazwsx wsxedc qweasd asdzxc 1qaz 2wsx 3edc 4rfv zaq1 xsw2 cde3 vfr4 zaq12 1q2w 3e4r 5t6y 019283 7465 abc the and my your our is
`
  .split(/\s+/)
  .filter((word) => word !== '')
  .map((word) => new TextEncoder().encode(word));

/** Rows of keyboards, whose neighbours follow one another; the digits and the alphabet are rows too. */
const ROWS = ['qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm', '01234567890', '!@#$%^&*()']
  .concat('abcdefghijklmnopqrstuvwxyz')
  .map((row) => new TextEncoder().encode(row));

const LETTER_OF: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};
const FOLDED = new Map(Object.entries(LETTER_OF).map(([from, to]) => [from.charCodeAt(0), to.charCodeAt(0)]));

/** Why a password cannot guard an account of this name, as a sentence; null where it can. Length in characters. */
export function passwordWeakness(password: Uint8Array, user: string): string | null {
  // Characters of UTF-8 are its bytes less the continuation bytes.
  const characters = password.reduce((count, byte) => ((byte & 0xc0) === 0x80 ? count : count + 1), 0);
  if (characters < PASSWORD_CHARACTERS_MIN) return `The password has fewer than ${PASSWORD_CHARACTERS_MIN} characters.`;
  if (password.length > PASSWORD_BYTES_MAX) return `The password exceeds ${PASSWORD_BYTES_MAX} bytes.`;
  if (password.some((byte) => byte < 0x20 || byte === 0x7f)) return 'The password is not plain text on one line.';
  if (unpredicted(password, user) >= UNPREDICTED_MIN) return null;
  return 'The password is too easy to guess: it is made of common words, rows of the keyboard, dates or repeats. Take four words that have nothing to do with each other, or with this.';
}

/** How many bytes of a password no common part covers, with the parts chosen so that these are fewest. */
function unpredicted(password: Uint8Array, user: string): number {
  const lower = password.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
  const folded = lower.map((byte) => FOLDED.get(byte) ?? byte);
  const words = user.length >= RUN_MIN ? [...WORDS, new TextEncoder().encode(user)] : WORDS;
  const fewest = new Uint16Array(password.length + 1);
  for (let end = 1; end <= password.length; end++) {
    let best = (fewest[end - 1] ?? 0) + 1;
    const from = (start: number) => {
      best = Math.min(best, fewest[start] ?? best);
    };
    for (const word of words) if (endsAt(folded, end, word) || endsAt(lower, end, word)) from(end - word.length);
    for (let start = end - RUN_MIN; start >= 0 && isRun(lower, start, end); start--) from(start);
    if (isYear(lower, end)) from(end - 4);
    for (let length = 1; length <= Math.min(REPEAT_MAX, end / REPEAT_MIN); length++) {
      if (isRepeat(lower, end, length)) from(end - length);
    }
    fewest[end] = best;
  }
  lower.fill(0);
  folded.fill(0);
  return fewest[password.length] ?? 0;
}

function endsAt(text: Uint8Array, end: number, word: Uint8Array): boolean {
  const start = end - word.length;
  return start >= 0 && word.every((byte, at) => text[start + at] === byte);
}

/** Whether all bytes from `start` to `end` are neighbours in one row, in one direction. */
function isRun(text: Uint8Array, start: number, end: number): boolean {
  return ROWS.some((row) => [1, -1].some((step) => follows(text, start, end, row, step)));
}

function follows(text: Uint8Array, start: number, end: number, row: Uint8Array, step: number): boolean {
  for (let at = start + 1; at < end; at++) {
    const before = row.indexOf(text[at - 1] ?? -1, 0);
    if (before < 0 || row[before + step] !== text[at]) return false;
  }
  return true;
}

function isYear(text: Uint8Array, end: number): boolean {
  if (end < 4) return false;
  const digits = text.subarray(end - 4, end);
  const century = (digits[0] ?? 0) * 256 + (digits[1] ?? 0);
  const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  return (century === 0x31_39 || century === 0x32_30) && isDigit(digits[2]) && isDigit(digits[3]);
}

/** Whether the last `length` bytes before `end` are those before them again. */
function isRepeat(text: Uint8Array, end: number, length: number): boolean {
  for (let at = end - length; at < end; at++) if (text[at] !== text[at - length]) return false;
  return true;
}
