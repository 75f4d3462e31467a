/** @jsxImportSource hono/jsx */
// The pieces that pages are made of: chips, amounts, ids, times, tables, fields, forms of acts. Props in, HTML out.
import type { Child, PropsWithChildren } from 'hono/jsx';

/** How a state looks; each has a word, a shape and a colour, so that none is told by colour alone. */
export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'idle';

const SHAPES: Readonly<Record<Tone, string>> = { ok: '●', warn: '▲', bad: '■', info: '◐', idle: '○' };

/** A state as a chip. `shape`: another than its tone's own. */
export function Chip({ tone, shape, children }: PropsWithChildren<{ tone: Tone; shape?: string | undefined }>) {
  return (
    <span class={`chip ${tone}`}>
      <span aria-hidden="true">{shape ?? SHAPES[tone]}</span>
      {children}
    </span>
  );
}

const NARROW_SPACE = '\u202f';

/** Sats in groups of three. */
export function satsText(sats: string | bigint | number): string {
  return String(sats).replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

/** Sats as bitcoin with eight decimals. */
export function bitcoinText(sats: string | bigint): string {
  const value = BigInt(sats);
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '−' : ''}${size / 100_000_000n}.${String(size % 100_000_000n).padStart(8, '0')}`;
}

/** An amount: sats first, then bitcoin. */
export function Sats({ sats, bitcoin = false }: { sats: string | bigint | null; bitcoin?: boolean }) {
  if (sats === null) return <span class="muted">unknown</span>;
  return (
    <span class="nowrap">
      {satsText(sats)} sats{bitcoin && <span class="muted"> ({bitcoinText(sats)} BTC)</span>}
    </span>
  );
}

/** A long id as its first and last eight characters; the whole of it is what gets copied and read out. */
export function ShortId({ id, href }: { id: string; href?: string }) {
  const shown = id.length <= 20 ? id : `${id.slice(0, 8)}…${id.slice(-8)}`;
  const code = (
    <code title={id}>
      <span aria-hidden="true">{shown}</span>
      <span class="visually-hidden">{id}</span>
    </code>
  );
  return href === undefined ? code : <a href={href}>{code}</a>;
}

/** An address or key in full, in groups of four, as people read it aloud. */
export function Grouped({ text }: { text: string }) {
  return <code>{text.replace(/.{4}(?=.)/g, '$& ')}</code>;
}

/** A moment, as an ISO 8601 text; absolute, in UTC. */
export function Time({ at }: { at: string | null }) {
  if (at === null || at === '') return <span class="muted">never</span>;
  return (
    <time datetime={at} class="nowrap">
      {at.slice(0, 10)} {at.slice(11, 19)}Z
    </time>
  );
}

/** How long ago a moment was; `now` in ms since 1970. */
export function Ago({ at, now }: { at: string | null; now: number }) {
  if (at === null) return <span class="muted">never</span>;
  return (
    <time datetime={at} class="nowrap">
      {durationText(now - Date.parse(at))}
    </time>
  );
}

/** A length of time in its largest unit, in ms. */
export function durationText(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  return s < 2 * 86_400 ? `${Math.floor(s / 3_600)} h` : `${Math.floor(s / 86_400)} days`;
}

/** A table with its caption; rows have ids, so that updates change cells and not the table. */
export function Table({
  caption,
  head,
  children,
  hideCaption = false,
}: PropsWithChildren<{ caption: string; head: readonly string[]; hideCaption?: boolean }>) {
  return (
    // A part that scrolls must be reachable by the keyboard.
    <section class="scroll" tabindex={0} aria-label={caption}>
      <table>
        <caption class={hideCaption ? 'visually-hidden' : ''}>{caption}</caption>
        <thead>
          <tr>
            {head.map((title) => (
              <th scope="col">{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

/** Names and values. */
export function Facts({ of }: { of: readonly (readonly [string, Child])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** A part with a heading. */
export function Card({ title, children, id }: PropsWithChildren<{ title: string; id?: string }>) {
  return (
    <section class="card" aria-label={title} id={id}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What stands where there is nothing to list: why, and what to do next. */
export function Empty({ children }: PropsWithChildren) {
  return <div class="calm">{children}</div>;
}

/** The same at a terminal. */
export function Terminal({ command }: { command: string }) {
  return (
    <details>
      <summary>The same at a terminal</summary>
      <pre>mpc_operator {command}</pre>
    </details>
  );
}

/** One field of a form. */
export interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly type?:
    | 'text'
    | 'password'
    | 'number'
    | 'checkbox'
    | 'textarea'
    | 'select'
    | 'code'
    | 'datetime-local'
    | 'hidden'
    | undefined;
  readonly value?: string | undefined;
  readonly options?: readonly (readonly [string, string])[] | undefined;
  readonly required?: boolean | undefined;
  readonly fault?: string | undefined;
  /** A text may come as a file as well, beside the place to paste it into. */
  readonly file?: boolean | undefined;
  /** Is never kept as a draft. */
  readonly secret?: boolean | undefined;
  readonly autocomplete?: string | undefined;
  /** Tells apart fields of one name on one page. */
  readonly idPrefix?: string | undefined;
}

/** A labelled field; what is wrong with it stands beside it. */
export function Field(props: FieldProps) {
  const { name, label, hint, type = 'text', value, fault, idPrefix = 'f' } = props;
  const id = `${idPrefix}-${name}`;
  if (type === 'hidden') return <input type="hidden" name={name} value={value ?? ''} />;
  const described = [hint === undefined ? '' : `${id}-hint`, fault === undefined ? '' : `${id}-fault`].join(' ').trim();
  const about = {
    id,
    name,
    ...(described !== '' && { 'aria-describedby': described }),
    ...(fault !== undefined && { 'aria-invalid': 'true' as const }),
  };
  return (
    <div class="field">
      {type === 'checkbox' ? (
        <label for={id}>
          <input type="checkbox" {...about} checked={value === 'on'} />
          {label}
        </label>
      ) : (
        <label for={id}>{label}</label>
      )}
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {fault !== undefined && (
        <span class="fault" id={`${id}-fault`}>
          {fault}
        </span>
      )}
      {type !== 'checkbox' && <Control {...props} about={about} />}
      {props.file === true && (
        <>
          <label class="hint" for={`${id}-file`}>
            Or choose the file
          </label>
          <input type="file" name={name} id={`${id}-file`} data-secret="" />
        </>
      )}
    </div>
  );
}

function Control({
  about,
  type = 'text',
  value,
  options = [],
  required = false,
  secret = false,
  autocomplete,
  file = false,
}: FieldProps & { about: Readonly<Record<string, string>> }) {
  const isSecret = secret || type === 'password' || type === 'code';
  const more = {
    ...about,
    // Of two ways to give it, neither is needed by itself.
    ...(required && !file && { required: true }),
    ...(isSecret && { 'data-secret': '' }),
    ...(autocomplete !== undefined && { autocomplete }),
  };
  if (type === 'textarea') return <textarea {...more}>{value ?? ''}</textarea>;
  if (type === 'select') {
    return (
      <select {...more}>
        {options.map(([option, text]) => (
          <option value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    );
  }
  if (type === 'code') {
    return (
      <input type="text" {...more} data-code="" inputmode="text" autocomplete="one-time-code" spellcheck={false} />
    );
  }
  return <input type={type} {...more} value={isSecret ? '' : (value ?? '')} spellcheck={false} />;
}

/** A link in the form of a button that asks for an act; `fields` are filled in on its form. */
export function ActLink({
  act,
  title,
  fields = {},
  main = false,
}: {
  act: string;
  title: string;
  fields?: Readonly<Record<string, string>>;
  main?: boolean;
}) {
  const query = new URLSearchParams(fields).toString();
  return (
    <a class={main ? 'button main' : 'button'} href={`/acts/new/${act}${query === '' ? '' : `?${query}`}`}>
      {title}
    </a>
  );
}

/** Pages of a list, by links. `offset` of the first row shown. */
export function Pager({
  total,
  limit,
  offset,
  href,
}: {
  total: number;
  limit: number;
  offset: number;
  href: (offset: number) => string;
}) {
  if (total <= limit && offset === 0) return null;
  const last = Math.min(offset + limit, total);
  return (
    <nav class="buttons" aria-label="Pages of the list">
      {offset > 0 && (
        <a class="button" href={href(Math.max(0, offset - limit))}>
          Newer
        </a>
      )}
      <span class="muted">
        {Math.min(offset + 1, total)}–{last} of {total}
      </span>
      {last < total && (
        <a class="button" href={href(offset + limit)}>
          Older
        </a>
      )}
    </nav>
  );
}
