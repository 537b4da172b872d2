import type { CloudApi, Query } from './api.ts'
import type { Service } from './catalog.ts'
import { CloudError } from './cloud-error.ts'
import type { Page } from './shapes.ts'

/** No list of ours is longer; a service that always says "more" would be asked for ever. */
const mostPages = 1_000

/** A list is begun anew so often, when the one after which it should go on was removed meanwhile. */
const mostStarts = 5

type Listed = { readonly id: string }
interface Asked {
  readonly query?: Query
  readonly limit: number
}

/**
 * Everything a list holds, page by page, each asked for by the last one's last id. What a list that was begun anew shows a second
 * time is left out. Throws `CloudError` rather than end early.
 */
export async function* pages<T extends Listed>(
  api: CloudApi,
  service: Service,
  path: string,
  schema: Page<T>,
  signal: AbortSignal,
  { query = {}, limit }: Asked,
): AsyncGenerator<T[]> {
  const seen = new Set<string>()
  let marker: string | undefined
  let starts = 1
  for (let page = 0; page < mostPages; page++) {
    const asked = { ...query, limit, ...(marker === undefined ? {} : { marker }) }
    const answer = await api.get(service, path, schema, signal, { query: asked }).catch((error: unknown) => {
      if (marker === undefined || starts >= mostStarts || !isLost(error)) throw error
      return null
    })
    const last = answer?.items.at(-1)?.id
    if (answer === null) {
      starts += 1
      marker = undefined
      continue
    }
    const fresh = answer.items.filter(({ id }) => !seen.has(id))
    fresh.forEach(({ id }) => seen.add(id))
    yield fresh
    if (!answer.more || last === undefined) return
    if (last === marker) break
    marker = last
  }
  throw new CloudError(null, 'a list without an end')
}

/** What the services say of a marker that is not there any more, each in words of its own. */
const isLost = (error: unknown): boolean =>
  error instanceof CloudError && (error.status === 400 || error.status === 404)

/** The same, in one. */
export async function everything<T extends Listed>(...asked: Parameters<typeof pages<T>>): Promise<T[]> {
  const all: T[] = []
  for await (const items of pages<T>(...asked)) all.push(...items)
  return all
}
