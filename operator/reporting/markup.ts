// HTML from templates in which every value is escaped unless it is HTML made here: what comes from peers can never be markup.

/** HTML that may stand as it is: made by `html`, or a text of this program. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes: text and numbers are escaped, null and undefined are nothing, lists are joined. */
export type Inserted = Html | string | number | null | undefined | readonly Inserted[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template of HTML; attribute values belong in double quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly Inserted[]): Html {
  return new Html(parts.map((part, at) => `${part}${at < values.length ? inserted(values[at]) : ''}`).join(''));
}

function inserted(value: Inserted): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string' || typeof value === 'number') {
    return String(value).replace(/[&<>"']/g, (found) => ESCAPES[found] ?? '');
  }
  return value.map(inserted).join('');
}
