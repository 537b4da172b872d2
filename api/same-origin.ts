import type { AppContext } from './env.ts'
import { Problem } from './problem.ts'

const safe = ['GET', 'HEAD', 'OPTIONS']

/**
 * Whether a request that a cookie speaks for comes from a page of Carrel's own: a cookie goes along with whatever any page has
 * the browser send. Another origin of the same site is another page. `null`: it does.
 */
export function foreignPage(c: AppContext, ownOrigin: string): Problem | null {
  if (safe.includes(c.req.method)) return null
  const origin = c.req.header('origin')
  const isOwn = origin === undefined ? c.req.header('sec-fetch-site') === 'same-origin' : origin === ownOrigin
  return isOwn ? null : new Problem('cross_site', 'A change by a cookie is taken from pages of this very origin alone.')
}
