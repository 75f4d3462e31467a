// Text from outside where a person will read it: characters that a terminal or a pager obeys instead of showing them, or
// that show nothing, must not get there as they are. They can clear a screen, turn a line around or hide a word.

// Control (C0, DEL, C1), format (directions, zero width, tags) and surrogates that stand alone; line and paragraph separators.
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
// What JSON.stringify leaves as it is. Line breaks between members are its own; those within texts it has escaped.
const UNSHOWN_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text with a question mark for each such character, line breaks included. */
export function printable(text: string): string {
  return text.replace(UNSHOWN, '?');
}

/** The same JSON with such characters as escapes of RFC 8259 section 7: a reader of JSON gets the very text back. */
export function escapedJson(json: string): string {
  return json.replace(UNSHOWN_IN_JSON, (found) =>
    // Those beyond the basic plane are two code units, an escape each.
    [...Array(found.length).keys()].map((at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
