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
      if (standing === 'unknown') return { kind: 'unknown', subject, remedy: null }
      return standing === 'live' ? null : { kind: 'connection', subject, remedy: { do: 'closeDoors', key } }
    }
    case 'tunnel': {
      const { id, door, accountId } = thing.tunnel
      const standing = standingOf(thing.tunnel, books)
      if (standing === 'unknown') return { kind: 'unknown', subject: id, remedy: null }
      const isUsed = books.uses.some(
        (use) => isSame(use, thing.tunnel) && use.door === door && (accountId === null || use.accountId === accountId),
      )
      return standing === 'live' && isUsed ? null : { kind: 'tunnel', subject: id, remedy: { do: 'kill', id } }
    }
    case 'user': {
      const { accountId } = thing
      if (!books.accounts.has(accountId)) return { kind: 'unknown', subject: accountId, remedy: null }
      if (books.uses.some((use) => use.accountId === accountId)) return null
      return { kind: 'user', subject: accountId, remedy: { do: 'removeAccount', accountId } }
    }
    case 'orphan':
      return { kind: 'orphan', subject: thing.id, remedy: { do: 'kill', id: thing.id } }
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

/**
 * What one round removes: what was seen at least twice and has lasted, and of that at most a fifth of what was listed, or five. The
 * rest waits for the next round.
 */
export function dueRemedies(
  found: readonly Stray[],
  sightingOf: (stray: Stray) => Sighting,
  { graceMs, listed }: { readonly graceMs: number; readonly listed: number },
): readonly OutsideRemedy[] {
  const due = found.flatMap((stray) => {
    const { seen, sinceMs } = sightingOf(stray)
    const neededMs = stray.kind === 'user' ? graceMs * userGraces : graceMs
    return stray.remedy !== null && seen > 1 && sinceMs >= neededMs ? [{ remedy: stray.remedy, sinceMs }] : []
  })
  const most = Math.max(fewest, Math.floor(listed * part))
  return due
    .toSorted((a, b) => b.sinceMs - a.sinceMs)
    .slice(0, most)
    .map(({ remedy }) => remedy)
}
