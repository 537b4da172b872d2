import { allows, modesOf } from './doors.ts'
import { grantedMode, isOver } from './authorization.ts'
import type { Membership, UseFacts } from './authorization.ts'
import type { DoorMode, DoorSpec } from './template.ts'

/** Everything that decides whether a pass opens its door, of one moment. Times in ms since the epoch. */
export interface PassFacts {
  readonly pass: { readonly mode: DoorMode; readonly expiresAt: number; readonly ended: boolean }
  /** The token that it was asked for with, and whoever holds that: a portal, where one acts for the account. */
  readonly token: {
    readonly revokedAt: number | null
    readonly expiresAt: number
    readonly holderDisabledAt: number | null
    /** Groups keep the account in, and of a portal's that is bound to one issuer it is somebody to that. Absent: so it is. */
    readonly mayAct?: boolean
  }
  readonly account: { readonly id: string; readonly disabledAt: number | null }
  readonly membership: Membership
  readonly session: UseFacts
  /** The template's door; `null`: it has none of this name. */
  readonly door: DoorSpec | null
  readonly now: number
}

/**
 * What a pass is worth. `no_pass`: it is used up; `no_access`: the right behind it is withdrawn; `ended`: the session is over;
 * `not_ready`: not yet, or not just now.
 */
export type VerdictKind = 'open' | 'no_pass' | 'no_access' | 'not_ready' | 'ended'

/** Who has no right any more is told so first: what became of the session is no business of theirs. */
export function verdictOf({ pass, token, account, membership, session, door, now }: PassFacts): VerdictKind {
  if (token.revokedAt !== null || token.expiresAt <= now || token.holderDisabledAt !== null) return 'no_access'
  if (token.mayAct === false) return 'no_access'
  if (!allows(grantedMode(session, account, membership), pass.mode)) return 'no_access'
  if (isOver(session, now)) return 'ended'
  if (pass.ended || pass.expiresAt <= now) return 'no_pass'
  if (door === null || !modesOf(door).includes(pass.mode)) return 'no_pass'
  return session.state === 'ready' ? 'open' : 'not_ready'
}
