// Search: what was typed, and where it is shown.
import { SEARCH_CHARACTERS_MAX, search } from '../../operator/admin/search.ts';
import { SearchResults } from '../../views/search.tsx';
import type { AdminPage } from './page.ts';

/** The results. */
export const searchPage: AdminPage = {
  pattern: '/search',
  nav: null,
  title: () => 'Search',
  parts: async ({ desk, query }) => {
    const text = (query.get('q') ?? '').trim().slice(0, SEARCH_CHARACTERS_MAX + 1);
    return [{ id: 'found', view: SearchResults({ text, found: search(desk.node, text) }) }];
  },
};
