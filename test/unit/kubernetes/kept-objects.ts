import { json, no } from './played-cluster.ts'
import type { Played } from './played-cluster.ts'

interface Kept {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** What a cluster keeps, by its path; nothing runs in it. A test takes from it and adds to it as others would. */
export class KeptObjects {
  readonly at = new Map<string, Kept>()
  #writes = 0

  /** As a cluster answers: makes, applies, changes over what was read, shows, lists and deletes. */
  answer(line: string, body: string): Played {
    const [method = '', url = ''] = line.split(' ')
    const path = url.split('?')[0] ?? ''
    const found = this.at.get(path)
    // What drivers send is JSON of an object.
    const sent = (body === '' ? {} : JSON.parse(body)) as Partial<Kept>
    switch (method) {
      case 'POST': {
        const own = `${path}/${sent.metadata?.name}`
        return this.at.has(own) ? no(409, 'AlreadyExists', 'it already exists') : json(201, this.write(own, sent))
      }
      case 'PATCH': {
        const over = sent.metadata?.resourceVersion
        if (over !== undefined && over !== found?.metadata.resourceVersion) return no(409, 'Conflict', 'modified')
        return json(200, this.write(path, sent))
      }
      case 'DELETE':
        return this.at.delete(path) ? json(200, {}) : no(404, 'NotFound')
      default:
        if (!url.includes('labelSelector=')) return found === undefined ? no(404, 'NotFound') : json(200, found)
        return json(200, { metadata: {}, items: [...this.at].flatMap(([own, one]) => (isIn(path, own) ? [one] : [])) })
    }
  }

  /** What is at this path from now on, over what was. */
  write(path: string, sent: Partial<Kept>): Kept {
    const before = this.at.get(path)
    const written = `${++this.#writes}`
    const [name = '', namespace] = [path.split('/').at(-1), /namespaces\/([^/]+)/.exec(path)?.[1]]
    const metadata = {
      ...before?.metadata,
      ...sent.metadata,
      ...{ name, namespace, uid: before?.metadata.uid ?? `u${written}`, resourceVersion: written },
      labels: { ...before?.metadata.labels, ...sent.metadata?.labels },
    }
    const kept: Kept = { status: {}, ...before, ...sent, ...dataOf(sent), metadata }
    this.at.set(path, kept)
    return kept
  }
}

const isIn = (collection: string, path: string): boolean => path.startsWith(`${collection}/`)

/** A Secret's strings are kept in base64. */
function dataOf({ stringData }: Partial<Kept>): object {
  if (stringData === undefined) return {}
  const coded = Object.entries(stringData as Readonly<Record<string, string>>).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ])
  return { data: Object.fromEntries(coded) as object }
}
