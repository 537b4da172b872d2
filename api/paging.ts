import { z } from '@hono/zod-openapi'
import type { Page, PageAsk } from '../db/paging.ts'
import { idPattern } from '../domain/ids.ts'
import type { JsonText } from './answers.ts'
import { Problem } from './problem.ts'

/** The query of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .openapi({ type: 'integer', minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().max(512).optional().openapi({ description: 'The `nextCursor` of the page before' }),
}

/** A list's answer. */
export const pageOfItems = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().openapi({ description: '`null` on the last page' }),
  })

const badCursor = () =>
  new Problem('invalid_request', 'The cursor is not one of this list.', {
    errors: [{ in: 'query', pointer: '/cursor', message: 'Expected the nextCursor of the page before.' }],
  })

/** Opaque text that only `openCursor` of the same list reads. */
export const sealCursor = (list: string, place: readonly string[]): string =>
  Buffer.from(JSON.stringify([list, ...place])).toString('base64url')

/** The place that a cursor means. Throws a problem if it is not one of this list. */
export function openCursor(list: string, cursor: string): string[] {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    throw badCursor()
  }
  if (!Array.isArray(value) || value[0] !== list) throw badCursor()
  const place: unknown[] = value.slice(1)
  if (!place.every((part) => typeof part === 'string')) throw badCursor()
  return place
}

/** The page that a query asks of a list that is ordered by id. */
export function pageAsk(list: string, query: { limit: number; cursor?: string | undefined }): PageAsk {
  if (query.cursor === undefined) return { after: null, limit: query.limit }
  const [after, ...rest] = openCursor(list, query.cursor)
  if (after === undefined || rest.length > 0 || !idPattern.test(after)) throw badCursor()
  return { after, limit: query.limit }
}

/** Where a page of a list begins that is ordered by a key, and by id among equals. */
export interface KeyedAsk {
  readonly after: readonly [string, string] | null
  readonly limit: number
}

/** The page that a query asks of such a list. `list` names its order, too: a cursor is of one order alone. */
export function keyedAsk(list: string, query: { limit: number; cursor?: string | undefined }): KeyedAsk {
  if (query.cursor === undefined) return { after: null, limit: query.limit }
  const [key, after, ...rest] = openCursor(list, query.cursor)
  if (key === undefined || after === undefined || rest.length > 0 || !idPattern.test(after)) throw badCursor()
  return { after: [key, after], limit: query.limit }
}

/** Such a page as it is answered. */
export const keyedPage = <T, A>(
  list: string,
  { items, next }: { readonly items: readonly T[]; readonly next: readonly [string, string] | null },
  present: (item: T) => A,
) => ({ items: items.map(present), nextCursor: next === null ? null : sealCursor(list, next) })

const cursorAfter = (list: string, { next }: Pick<Page<unknown>, 'next'>) =>
  next === null ? null : sealCursor(list, [next])

/** A page as it is answered. */
export function answerPage<T, A>(list: string, page: Page<T>, present: (item: T) => A) {
  return { items: page.items.map(present), nextCursor: cursorAfter(list, page) }
}

/** A page as it is answered, of what is JSON already. */
export function pageText<T, A>(
  list: string,
  page: Page<T>,
  present: (item: T) => JsonText<A>,
): JsonText<{ items: A[]; nextCursor: string | null }> {
  const cursor = cursorAfter(list, page)
  // What `answerPage` gives, as text.
  return `{"items":[${page.items.map(present).join(',')}],"nextCursor":${JSON.stringify(cursor)}}` as ReturnType<
    typeof pageText<T, A>
  >
}
