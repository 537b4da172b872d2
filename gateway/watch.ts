import { within } from '../platform/within.ts'
import type { Doors, Verdict } from './doors.ts'
import type { CutReason, Live, LiveConnection } from './live.ts'

/** Whether what is open may still be open: asked for ever, and at once when somebody says that something changed. */
export interface Watch {
  /** Something may have changed. */
  changed(): void
  stop(): void
}

export interface WatchDeps {
  readonly doors: Pick<Doors, 'recheck' | 'cutWishes' | 'touch'>
  readonly live: Live
  readonly warn: (message: string, error: unknown) => void
  readonly now?: () => number
  readonly limits?: Partial<WatchLimits>
}

export interface WatchLimits {
  /** Between two looks at everything that is open. */
  readonly everyMs: number
  /** An answer that takes longer is none. */
  readonly answerMs: number
  /** What nobody could look at for so long is cut: with the time that a look takes, within a minute. */
  readonly blindMs: number
  /** What a tunnel did is written down so often at most. */
  readonly touchMs: number
}

export const usualLimits: WatchLimits = { everyMs: 2_000, answerMs: 5_000, blindMs: 52_000, touchMs: 15_000 }

const cutOf: Record<Exclude<Verdict['kind'], 'open'>, CutReason> = {
  no_pass: 'expired',
  no_access: 'withdrawn',
  // What is open was opened while it was ready, and then a session is paused or ends.
  not_ready: 'paused',
  ended: 'ended',
}

/** Starts looking. Looks never overlap; a change that is told during one is looked at right after it. */
export function watch({ doors, live, warn, now = Date.now, limits }: WatchDeps): Watch {
  const { everyMs, answerMs, blindMs, touchMs } = { ...usualLimits, ...limits }
  let seenAt = now()
  let isBlind = false
  let looking = false
  let again = false
  const touchedAt = new WeakMap<LiveConnection, number>()

  const recheck = async () => {
    const passIds = live.passIds()
    const verdicts: ReadonlyMap<string, Verdict['kind']> =
      passIds.length === 0 ? new Map() : await within(answerMs, doors.recheck(passIds))
    seenAt = now()
    isBlind = false
    const asked = new Set(passIds)
    for (const connection of live.all()) {
      const { passId } = connection.access
      // What was opened since was checked then.
      if (!asked.has(passId)) continue
      const kind: Verdict['kind'] = verdicts.get(passId) ?? 'no_pass'
      if (kind !== 'open') connection.cut(cutOf[kind])
    }
  }

  const cutTunnels = (ids: readonly string[]) => {
    const cut = new Set(ids)
    live.cutWhere(({ tunnelId }) => tunnelId !== null && cut.has(tunnelId), 'cut')
  }

  const hearWishes = async () => {
    const ids = live.all().flatMap(({ tunnelId }) => (tunnelId === null ? [] : [tunnelId]))
    if (ids.length > 0) cutTunnels(await within(answerMs, doors.cutWishes(ids)))
  }

  const touch = async () => {
    const due = live.all().filter((connection) => {
      const last = touchedAt.get(connection)
      if (last === undefined) touchedAt.set(connection, now())
      return connection.tunnelId !== null && last !== undefined && now() - last >= touchMs
    })
    if (due.length === 0) return
    for (const connection of due) touchedAt.set(connection, now())
    const uses = due.flatMap(({ tunnelId: id, bytesIn, bytesOut, lastInputAt }) =>
      id === null ? [] : [{ id, bytesIn, bytesOut, lastInputAt }],
    )
    cutTunnels(await within(answerMs, doors.touch(uses)))
  }

  const look = async () => {
    if (looking) {
      again = true
      return
    }
    looking = true
    do {
      again = false
      try {
        await recheck()
        await hearWishes()
        await touch()
      } catch (error) {
        if (!isBlind) warn('What is open cannot be looked at.', error)
        isBlind = true
      }
      if (now() - seenAt > blindMs) live.cutWhere(() => true, 'unverified')
    } while (again)
    looking = false
  }

  const timer = setInterval(() => void look(), everyMs)
  return {
    changed: () => void look(),
    stop: () => clearInterval(timer),
  }
}
