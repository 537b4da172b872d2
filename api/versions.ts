import type { AppContext } from './env.ts'
import { Problem } from './problem.ts'

/** A thing's version as an entity tag. */
export const etag = (version: number): string => `"${version}"`

/**
 * The versions that `If-Match` accepts; `null` for `*`. Throws 428 where it is missing. A weak tag, or one that is not
 * ours, matches nothing (RFC 9110 §13.1.1).
 */
export function ifMatch(c: AppContext): number[] | null {
  const header = c.req.header('if-match')?.trim()
  if (header === undefined || header === '')
    throw new Problem('precondition_required', 'Send the ETag of what you read as If-Match.')
  if (header === '*') return null
  return header.split(',').flatMap((tag) => {
    const version = /^\s*"(\d{1,9})"\s*$/.exec(tag)?.[1]
    return version === undefined ? [] : [Number(version)]
  })
}

export const changedMeanwhile = (): Problem =>
  new Problem('precondition_failed', 'It was changed since you read it. Read it again and decide anew.')
