// What stands in the query of a page's address.

/** The first row of a list that is shown; 0 where the query names none, or nonsense. */
export function offsetOf(query: URLSearchParams): number {
  const text = query.get('offset') ?? '';
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
}
