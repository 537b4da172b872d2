import { z } from 'zod'
import { retryAfterMs } from '../retry-after.ts'
import { CloudError } from './cloud-error.ts'
import type { Answer } from './wire.ts'

// Nova: {"forbidden": {"code": 403, "message": …}}, Neutron: {"NeutronError": {"type": …, "message": …}},
// Keystone: {"error": {"code": 401, "message": …}}, Glance and what stands before them: {"message": …, "code": "404 Not Found"}.
const told = z.object({ message: z.string(), type: z.string().optional() })
const wrapped = z.record(z.string(), told)
const bare = z.object({ message: z.string(), code: z.string() })

/** Nova, Cinder and Neutron each name what is not there; a proxy's own 404 does not look like it. */
const goneNames = /^(itemNotFound|NeutronError)$/

/** Reads an answer that is no success. `who` is the service's name. */
export function faultOf(who: string, { status, body, header }: Answer): CloudError {
  const [name, words] = wordsOf(body)
  const detail = `${who}: ${status}${words === null ? '' : ` ${readable(words)}`}`
  const gone = status === 404 && name !== null && goneNames.test(name)
  return new CloudError(status, detail, {
    gone,
    told: words !== null,
    retryAfterMs: retryAfterMs(header('retry-after')),
  })
}

function wordsOf(body: unknown): [name: string | null, words: string | null] {
  const outer = wrapped.safeParse(body)
  const [entry] = outer.success ? Object.entries(outer.data) : []
  if (entry !== undefined)
    return [entry[0], [entry[1].type, entry[1].message].filter((w) => w !== undefined).join(': ')]
  const inner = bare.safeParse(body)
  return [null, inner.success ? inner.data.message : null]
}

/** More than anybody reads of one answer; whatever is looked for in words is looked for in no more. */
const mostWords = 20_000

/** Without signs of HTML, and without what Nova repeats of a request that it calls wrong: in it is the session's secret. */
const readable = (words: string): string =>
  words
    .replace(/^([^{]*) Value: \{.*\}\./s, '$1')
    .slice(0, mostWords)
    .replaceAll(/<[^<>]*>|\S{200,}/g, ' ')
