import { z } from 'zod'
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
  const detail = `${who}: ${status}${words === null ? '' : ` ${words.replaceAll(/<[^>]*>/g, ' ')}`}`
  const gone = status === 404 && name !== null && goneNames.test(name)
  return new CloudError(status, detail, { gone, retryAfterMs: retryAfter(header('retry-after')) })
}

function wordsOf(body: unknown): [name: string | null, words: string | null] {
  const outer = wrapped.safeParse(body)
  const [entry] = outer.success ? Object.entries(outer.data) : []
  if (entry !== undefined)
    return [entry[0], [entry[1].type, entry[1].message].filter((w) => w !== undefined).join(': ')]
  const inner = bare.safeParse(body)
  return [null, inner.success ? inner.data.message : null]
}

const longestWaitMs = 3_600_000

/** Seconds or a date, as RFC 9110 has it. */
export function retryAfter(header: string | null, now: number = Date.now()): number | null {
  if (header === null) return null
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), longestWaitMs)
}
