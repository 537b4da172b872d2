import type { DoorAccess, Doors } from './doors.ts'

/** Tells what came of reaching doors, and no more often than it changes. */
export type ReportDoor = (access: DoorAccess, outcome: 'ok' | 'unreachable') => void

const repeatMs = 30_000
const mostKept = 10_000

/** What was said is said again after 30 s, as others may have said otherwise by then. */
export function createDoorReports(
  doors: Pick<Doors, 'reportDoor'>,
  warn: (message: string, error: unknown) => void,
  now: () => number = Date.now,
): ReportDoor {
  const said = new Map<string, { readonly outcome: string; readonly at: number }>()
  return ({ sessionId, door }, outcome) => {
    const key = `${sessionId}-${door}`
    const before = said.get(key)
    if (before?.outcome === outcome && now() - before.at < repeatMs) return
    if (said.size >= mostKept) said.clear()
    said.set(key, { outcome, at: now() })
    doors
      .reportDoor(sessionId, door, outcome)
      .catch((error: unknown) => warn('What came of reaching a door could not be told.', error))
  }
}
