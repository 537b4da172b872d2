import type { Scope } from './authorization.ts'

/** What became of a program's wish to be let in: nobody answered, somebody did, its token was fetched. */
export const deviceStates = ['pending', 'approved', 'denied', 'taken'] as const
export type DeviceState = (typeof deviceStates)[number]

/** Somebody answers within this, or it is asked anew. */
export const deviceSeconds = 10 * 60
/** So often a program may ask what came of it; who asks faster is slowed down by as much. */
export const pollSeconds = 5

/** What a program may ask for. What reaches beyond the account is for machines that an admin sets up. */
export const deviceScopes: readonly Scope[] = ['read', 'sessions', 'projects', 'tokens', 'admin']
/** With these a program does more than work at its owner's desk: given only where whoever approves names them. */
export const namedScopes: readonly Scope[] = ['tokens', 'admin']

/** Letters that nobody takes for each other, and that spell nothing (RFC 8628, 6.1). */
export const codeLetters = 'BCDFGHJKLMNPQRSTVWXZ'
const codeLength = 8

/** A code that a person reads at one place and types at another. `random`: bytes, as many as are asked for. */
export function newUserCode(random: (size: number) => Uint8Array): string {
  let letters = ''
  // A byte beyond the last whole round of the letters would make some likelier than others.
  const fair = 256 - (256 % codeLetters.length)
  while (letters.length < codeLength)
    for (const byte of random(codeLength))
      if (byte < fair && letters.length < codeLength) letters += codeLetters[byte % codeLetters.length]
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}

/** The code as it was shown, however it was typed; `null`: it is none. */
export function readUserCode(typed: string): string | null {
  const letters = typed.toUpperCase().replaceAll(/[^A-Z]/g, '')
  const isOne = letters.length === codeLength && Array.from(letters).every((letter) => codeLetters.includes(letter))
  return isOne ? `${letters.slice(0, 4)}-${letters.slice(4)}` : null
}

/** What a program is told that asks what came of it, in the words of RFC 8628. `fetch`: its token is made now. */
export type PollVerdict =
  'authorization_pending' | 'slow_down' | 'access_denied' | 'expired_token' | 'invalid_grant' | 'fetch'

export interface PollFacts {
  readonly state: DeviceState
  readonly isExpired: boolean
  /** `null`: it asks for the first time. */
  readonly secondsSincePoll: number | null
  readonly intervalSeconds: number
}

export function pollVerdict({ state, isExpired, secondsSincePoll, intervalSeconds }: PollFacts): PollVerdict {
  if (state === 'taken') return 'invalid_grant'
  if (isExpired) return 'expired_token'
  if (state === 'denied') return 'access_denied'
  if (state === 'approved') return 'fetch'
  // What lies between two answers is never to the millisecond what lies between two questions.
  const isEarly = secondsSincePoll !== null && secondsSincePoll < intervalSeconds - 0.5
  return isEarly ? 'slow_down' : 'authorization_pending'
}

/**
 * What an approved program is given: of what it asked, what whoever approves named (`null`: nothing was named), and may give.
 * Empty: nothing is left.
 */
export function grantedScopes(
  asked: readonly Scope[],
  named: readonly Scope[] | null,
  mayGive: (scope: Scope) => boolean,
): readonly Scope[] {
  const chosen = named ?? asked.filter((scope) => !namedScopes.includes(scope))
  return asked.filter((scope) => chosen.includes(scope) && mayGive(scope))
}
