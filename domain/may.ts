import { hasScope, isAdmin, isOperator, rights } from './authorization.ts'
import type { Actor, Right } from './authorization.ts'
import type { Limits, Resources } from './resources.ts'

/** What somebody may be about to do that is not about one thing. */
export const actions = [
  'startSessions',
  'startOutsideExperiments',
  'createProjects',
  'makeTokens',
  'operate',
  'administer',
] as const
export type Action = (typeof actions)[number]

/** Why not, each for itself. Open to growth for clients. */
export const hindrances = [
  /** The token does not reach that far. */
  'scope',
  /** Not what the account is here. */
  'role',
  /** Somebody else acts for the account. */
  'acting',
  'terms_not_accepted',
  /** The account may hold no session at all. */
  'no_quota',
  /** As many sessions as the account may hold are there. */
  'quota_exceeded',
  'maintenance',
  /** The user office lets it start nothing outside an experiment. */
  'not_authorized',
  /** It cannot be asked. */
  'user_office_unavailable',
] as const
export type Hindrance = (typeof hindrances)[number]

/** What decides beside who asks. */
export interface Grounds {
  readonly owesTerms: boolean
  /** What the account may hold, and holds. */
  readonly limits: Limits
  readonly held: Resources
  readonly isMaintained: boolean
  /** What stands in the way outside experiments alone. */
  readonly outside: readonly Hindrance[]
}

/** What stands in the way of each action; nothing: it may be tried. A project or a provider may still say no. */
export function hindrancesOf(actor: Actor, grounds: Grounds): Record<Action, readonly Hindrance[]> {
  const startSessions = [...unreached(actor, 'session:create'), ...startFaults(grounds)]
  return {
    startSessions,
    startOutsideExperiments: [...startSessions, ...grounds.outside],
    createProjects: unreached(actor, 'project:create'),
    makeTokens: [...unreached(actor, 'token:write'), ...(actor.actingFor ? (['acting'] as const) : [])],
    operate: [...(isOperator(actor) ? [] : (['role'] as const)), ...unreached(actor, 'operate:write')],
    administer: [...(isAdmin(actor) ? [] : (['role'] as const)), ...unreached(actor, 'account:admin')],
  }
}

const unreached = (actor: Actor, right: Right): readonly Hindrance[] =>
  hasScope(actor, rights[right].scope) ? [] : ['scope']

function startFaults({ owesTerms, limits, held, isMaintained }: Grounds): Hindrance[] {
  const faults: Hindrance[] = []
  if (owesTerms) faults.push('terms_not_accepted')
  if (limits.sessions === 0) faults.push('no_quota')
  else if (limits.sessions !== null && held.sessions >= limits.sessions) faults.push('quota_exceeded')
  if (isMaintained) faults.push('maintenance')
  return faults
}
