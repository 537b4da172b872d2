import type { AccountId, SessionId } from './ids.ts'
import type { SessionKey } from './session.ts'

/** Something that bears this deployment's names at the gateway outside, as far as it matters whose it is. */
export type OutsideThing =
  | { readonly kind: 'connection'; readonly sessionId: SessionId; readonly generation: number }
  | { readonly kind: 'user'; readonly accountId: AccountId }
  | {
      readonly kind: 'tunnel'
      readonly tunnel: SessionKey & {
        readonly id: string
        readonly door: string
        /** `null`: somebody came by a key that was handed on. */
        readonly accountId: AccountId | null
      }
    }
  | { readonly kind: 'orphan'; readonly id: string }

/** What the rows say about those. */
export interface OutsideBooks {
  readonly sessions: ReadonlyMap<SessionId, { readonly generation: number; readonly ended: boolean }>
  /** The accounts that there are. */
  readonly accounts: ReadonlySet<AccountId>
  /** Uses for which something may stand, or that somebody waits for. */
  readonly uses: readonly (SessionKey & { readonly door: string; readonly accountId: AccountId })[]
}

export type OutsideRemedy =
  | { readonly do: 'closeDoors'; readonly key: SessionKey }
  | { readonly do: 'removeAccount'; readonly accountId: AccountId }
  | { readonly do: 'kill'; readonly id: string }

export const outsideDriftKinds = ['connection', 'user', 'tunnel', 'orphan', 'unknown'] as const
export type OutsideDriftKind = (typeof outsideDriftKinds)[number]

/** What is there and should not be. Without a remedy: what no row knows of is only reported. */
export interface Stray {
  readonly kind: OutsideDriftKind
  readonly subject: string
  /** The session that it is of; `null`: of none. */
  readonly key: SessionKey | null
  readonly remedy: OutsideRemedy | null
}

/** Everything that belongs to no live session, each once. */
export function strays(things: Iterable<OutsideThing>, books: OutsideBooks): readonly Stray[] {
  const found = new Map<string, Stray>()
  for (const thing of things) {
    const stray = strayOf(thing, books)
    if (stray !== null) found.set(`${stray.kind} ${stray.subject}`, stray)
  }
  return [...found.values()]
}

function strayOf(thing: OutsideThing, books: OutsideBooks): Stray | null {
  switch (thing.kind) {
    case 'connection': {
      const key = { sessionId: thing.sessionId, generation: thing.generation }
      const subject = `${key.sessionId}/${key.generation}`
      const standing = standingOf(key, books)
      if (standing === 'unknown') return { kind: 'unknown', subject, key, remedy: null }
      return standing === 'live' ? null : { kind: 'connection', subject, key, remedy: { do: 'closeDoors', key } }
    }
    case 'tunnel': {
      const { id, door, accountId, sessionId, generation } = thing.tunnel
      const key = { sessionId, generation }
      const standing = standingOf(key, books)
      if (standing === 'unknown') return { kind: 'unknown', subject: id, key, remedy: null }
      const isUsed = books.uses.some(
        (use) => isSame(use, thing.tunnel) && use.door === door && (accountId === null || use.accountId === accountId),
      )
      return standing === 'live' && isUsed ? null : { kind: 'tunnel', subject: id, key, remedy: { do: 'kill', id } }
    }
    case 'user': {
      const { accountId } = thing
      if (!books.accounts.has(accountId)) return { kind: 'unknown', subject: accountId, key: null, remedy: null }
      if (books.uses.some((use) => use.accountId === accountId)) return null
      return { kind: 'user', subject: accountId, key: null, remedy: { do: 'removeAccount', accountId } }
    }
    case 'orphan':
      return { kind: 'orphan', subject: thing.id, key: null, remedy: { do: 'kill', id: thing.id } }
    default:
      return thing satisfies never
  }
}

const isSame = (one: SessionKey, other: SessionKey): boolean =>
  one.sessionId === other.sessionId && one.generation === other.generation

function standingOf(key: SessionKey, { sessions }: OutsideBooks): 'live' | 'over' | 'unknown' {
  const session = sessions.get(key.sessionId)
  if (session === undefined) return 'unknown'
  return !session.ended && session.generation === key.generation ? 'live' : 'over'
}

/** How long, and how often, something has been seen that should not be there. */
export interface Sighting {
  readonly seen: number
  readonly sinceMs: number
}

/** An account comes back to the next desk: its user is left alone for longer. */
const userGraces = 15
const fewest = 5
const part = 0.2

export interface SweepLimits {
  readonly graceMs: number
  /** How much there is of ours at the gateway. */
  readonly listed: number
}

/** Whether a stray was seen often and long enough to be acted on. */
export const isDue = ({ kind }: Stray, { seen, sinceMs }: Sighting, graceMs: number): boolean =>
  seen > 1 && sinceMs >= (kind === 'user' ? graceMs * userGraces : graceMs)

/**
 * What one round removes: what was seen at least twice and has lasted, and of that at most a fifth of what was listed, or five. The
 * rest waits for the next round.
 */
export function dueRemedies(
  found: readonly Stray[],
  sightingOf: (stray: Stray) => Sighting,
  { graceMs, listed }: SweepLimits,
): readonly OutsideRemedy[] {
  const due = found.flatMap((stray) => {
    const sighting = sightingOf(stray)
    const { remedy } = stray
    return remedy !== null && isDue(stray, sighting, graceMs) ? [{ remedy, sinceMs: sighting.sinceMs }] : []
  })
  const most = Math.max(fewest, Math.floor(listed * part))
  return due
    .toSorted((a, b) => b.sinceMs - a.sinceMs)
    .slice(0, most)
    .map(({ remedy }) => remedy)
}

/** A stray as a report tells of it; without a session `''` and 0. */
export interface OutsideDrift {
  readonly kind: OutsideDriftKind
  readonly subject: string
  readonly sessionId: string
  readonly generation: number
  readonly certain: boolean
}

/** A remedy as a report tells of it. */
export type OutsideAction =
  | { readonly do: 'closeDoors'; readonly sessionId: string; readonly generation: number }
  | { readonly do: 'removeAccount'; readonly accountId: string }
  | { readonly do: 'killTunnel'; readonly name: string }

export const outsideDrift = ({ kind, subject, key }: Stray, certain: boolean): OutsideDrift => ({
  kind,
  subject,
  sessionId: key?.sessionId ?? '',
  generation: key?.generation ?? 0,
  certain,
})

export function outsideAction(remedy: OutsideRemedy): OutsideAction {
  switch (remedy.do) {
    case 'closeDoors':
      return { do: 'closeDoors', sessionId: remedy.key.sessionId, generation: remedy.key.generation }
    case 'removeAccount':
      return remedy
    case 'kill':
      return { do: 'killTunnel', name: remedy.id }
    default:
      return remedy satisfies never
  }
}
