/** One page of a list, newest first. `next`: the id after which the next page begins, `null` at the end. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** Where a page begins and how long it is. `after`: an id, `null` from the newest. */
export interface PageAsk {
  readonly after: string | null
  readonly limit: number
}

/** Makes a page of rows that were read with `limit + 1`. */
export function pageOf<Row extends { readonly id: string }, T>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit)
  return { items: shown.map(view), next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null }
}
