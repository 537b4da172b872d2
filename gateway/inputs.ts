import type { DoorAccess, Doors } from './doors.ts'
import { valueOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** Notes that a session's user did something, and no more often than is worth a row. */
export type NoteInput = (access: DoorAccess) => void

const everyMs = 15_000
const mostKept = 10_000
const polling = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Pages ask by themselves all day; what changes something, or is opened by a hand, is somebody's. */
export const isInput = (method: string, raw: RawHeaders): boolean =>
  !polling.has(method) || valueOf(raw, 'sec-fetch-user') === '?1'

export function createInputs(
  doors: Pick<Doors, 'noteInput'>,
  warn: (message: string, error: unknown) => void,
  now: () => number = Date.now,
): NoteInput {
  const notedAt = new Map<string, number>()
  return ({ sessionId }) => {
    const last = notedAt.get(sessionId)
    if (last !== undefined && now() - last < everyMs) return
    if (notedAt.size >= mostKept) notedAt.clear()
    notedAt.set(sessionId, now())
    doors.noteInput(sessionId).catch((error: unknown) => warn('What a user did could not be noted.', error))
  }
}
