import type { AppContext } from './env.ts'
import { invalid, Problem } from './problem.ts'
import { isTooDeep, unstorable } from './canonical.ts'

/** Refuses a body that is not JSON (415), not well formed or too deep (400), or holds text that cannot be kept (422). Before validation. */
export async function checkBody(c: AppContext): Promise<void> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new Problem('unsupported_media_type', 'Send the body as application/json.')
  const body = await parse(c)
  if (isTooDeep(body)) throw new Problem('malformed_request', 'The body nests too deeply.')
  const place = unstorable(body)
  if (place !== null) throw invalid(place, 'Expected text without NUL and without half characters.')
}

async function parse(c: AppContext): Promise<unknown> {
  try {
    return await c.req.json()
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem('malformed_request', 'The body is not well-formed JSON.')
    throw error
  }
}
