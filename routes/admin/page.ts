// What a page of the web admin is: parts that are made from reports alone. The same parts answer a request, and are sent again over
// the page's stream when they have changed.
import type { Child } from 'hono/jsx';
import { type Action, mayDo } from '../../operator/accounts/permissions.ts';
import type { AdminDesk } from '../../operator/admin/desk.ts';
import type { Visitor } from '../../operator/admin/web-sessions.ts';
import type { CommandResults } from '../../operator/runtime/command-types.ts';
import type { NavKey } from '../../views/layout.tsx';

/** A report of `status`. */
export type Status = CommandResults['status'];

/** What a page is made from. `now` in ms since 1970. */
export interface PageRequest {
  readonly desk: AdminDesk;
  readonly visitor: Visitor;
  readonly status: Status;
  readonly now: number;
  readonly query: URLSearchParams;
  /** The named parts of the path. */
  readonly path: Readonly<Record<string, string>>;
  /** Whether this person's role may do something: what it may not do is not offered. */
  readonly may: (action: Action) => boolean;
}

/**
 * A part of a page. `isStill`: it is not sent again, because a form in it is being filled in. `isHalf`: another may stand beside it
 * where the screen is wide. `view` null: nothing is shown now.
 */
export interface Part {
  readonly id: string;
  readonly view: Child;
  readonly isStill?: true;
  readonly isHalf?: true;
}

/** A page. `pattern`: its path, with `:name` for a part that varies. */
export interface AdminPage {
  readonly pattern: string;
  readonly nav: NavKey | null;
  readonly title: (request: PageRequest) => string;
  /** Null where what the path names is not there. */
  readonly parts: (request: PageRequest) => Promise<readonly Part[] | null>;
  /** Loads the script for passkeys. */
  readonly passkeys?: true;
}

/** The page of a path, and what its named parts are; null where there is none. */
export function findPage(
  pages: readonly AdminPage[],
  path: string,
): { readonly page: AdminPage; readonly named: Readonly<Record<string, string>> } | null {
  const given = path.split('/');
  for (const page of pages) {
    const named = matched(page.pattern.split('/'), given);
    if (named !== null) return { page, named };
  }
  return null;
}

function matched(pattern: readonly string[], given: readonly string[]): Readonly<Record<string, string>> | null {
  if (pattern.length !== given.length) return null;
  const named: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const value = given[index] ?? '';
    if (!part.startsWith(':')) {
      if (part !== value) return null;
    } else {
      const text = decoded(value);
      if (text === null || text === '') return null;
      named[part.slice(1)] = text;
    }
  }
  return named;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What a page is made from, for somebody who is signed in. */
export function pageRequest(
  given: Pick<PageRequest, 'desk' | 'visitor' | 'status' | 'now' | 'query' | 'path'>,
): PageRequest {
  return { ...given, may: (action) => mayDo(given.visitor.role, action) };
}
