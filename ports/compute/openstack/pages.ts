import type { z } from 'zod'
import type { CloudApi, Query } from './api.ts'
import type { Service } from './catalog.ts'
import { CloudError } from './cloud-error.ts'

/** No list of ours is longer; a service that always says "more" would be asked for ever. */
const mostPages = 1_000

/** Everything a list holds, page by page, each asked for by the last one's last id. Throws `CloudError` rather than end early. */
export async function* pages<T extends { readonly id: string }>(
  api: CloudApi,
  service: Service,
  path: string,
  schema: z.ZodType<{ readonly items: T[]; readonly more: boolean }>,
  signal: AbortSignal,
  { query = {}, limit }: { readonly query?: Query; readonly limit: number },
): AsyncGenerator<T[]> {
  let marker: string | undefined
  for (let page = 0; page < mostPages; page++) {
    const asked = { ...query, limit, ...(marker === undefined ? {} : { marker }) }
    const { items, more } = await api.get(service, path, schema, signal, { query: asked })
    yield items
    const last = items.at(-1)?.id
    if (!more || last === undefined) return
    if (last === marker) break
    marker = last
  }
  throw new CloudError(null, 'a list without an end')
}

/** The same, in one. */
export async function everything<T extends { readonly id: string }>(
  ...asked: Parameters<typeof pages<T>>
): Promise<T[]> {
  const all: T[] = []
  for await (const items of pages<T>(...asked)) all.push(...items)
  return all
}
