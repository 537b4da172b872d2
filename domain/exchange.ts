import type { Scope } from './authorization.ts'
import { groupsStaleSeconds } from './sign-in.ts'
import type { IdentityClaims } from './sign-in.ts'

/** What a token says of somebody: mostly less than a sign-in does, and what it leaves out it does not take back. */
export interface SubjectClaims extends Omit<IdentityClaims, 'displayName' | 'groups'> {
  readonly displayName: string | null
  /** `null`: it does not say. */
  readonly groups: readonly string[] | null
}

/** What a token may be exchanged for: what people do at their desks, and nothing that outlasts it. */
export const exchangeScopes: readonly Scope[] = ['read', 'sessions', 'projects']
/** So long an exchanged token holds at most: as long as an issuer's word on groups counts. */
export const exchangeSeconds = groupsStaleSeconds

/**
 * Until when an exchanged token holds, in ms since the epoch: a quarter of an hour, and never longer than what it was exchanged for.
 * `subjectEndsAt` is by the issuer's clock, which may be behind or before ours by `skewSeconds`: within that it still counts, and
 * ends with it.
 */
export function exchangedUntil(now: number, subjectEndsAt: number, skewSeconds: number): number {
  const ends = subjectEndsAt > now ? subjectEndsAt : subjectEndsAt + skewSeconds * 1_000
  return Math.min(now + exchangeSeconds * 1_000, ends)
}

/**
 * Until when what is exchanged counts, in ms since the epoch: to its own end, and where groups decide no longer than what it says of
 * them. `null`: that is over, or nobody knows when it was said.
 */
export function subjectEnds(
  now: number,
  { issuedAt, expiresAt }: { readonly issuedAt: Date | null; readonly expiresAt: Date },
  groupsDecide: boolean,
  skewSeconds: number,
): number | null {
  if (!groupsDecide) return expiresAt.getTime()
  if (issuedAt === null) return null
  const stale = issuedAt.getTime() + groupsStaleSeconds * 1_000
  return stale + skewSeconds * 1_000 > now ? Math.min(stale, expiresAt.getTime()) : null
}

/** The scopes that a text names (RFC 6749, 3.3), each once; all that may be had where it names none. `null`: one may not be had. */
export function readScopes(
  text: string | undefined,
  mayHave: readonly Scope[],
  usual: readonly Scope[],
): readonly Scope[] | null {
  const named = (text ?? '').split(' ').filter((word) => word !== '')
  if (named.length === 0) return usual
  return named.every((word) => mayHave.some((scope) => scope === word))
    ? mayHave.filter((scope) => named.includes(scope))
    : null
}
