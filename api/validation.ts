import type { Hook } from '@hono/zod-openapi'
import type { AppEnv } from './env.ts'
import { nothingHere, Problem } from './problem.ts'
import type { Fault } from './problem.ts'

const places: Readonly<Record<string, Fault['in']>> = { json: 'body', query: 'query', header: 'header', param: 'path' }
const mostFaults = 50

/** What does not fit a route's schemas: 422 with every place; a path that fits no id is an address that is not there. */
// The framework's own type for a hook of all routes.
// oxlint-disable-next-line typescript/no-explicit-any
export const refuseInvalid: Hook<any, AppEnv, any, any> = (result) => {
  if (result.success) return
  if (result.target === 'param') throw new Problem('not_found', nothingHere)
  const place = places[result.target] ?? 'body'
  const errors = result.error.issues.slice(0, mostFaults).flatMap((issue): Fault[] => {
    const pointer = issue.path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
    if (issue.code !== 'unrecognized_keys') return [{ in: place, pointer, message: issue.message }]
    return issue.keys.map((key) => ({ in: place, pointer: `${pointer}/${key}`, message: 'There is no such field.' }))
  })
  throw new Problem('invalid_request', `The ${place} is not valid.`, { errors })
}
