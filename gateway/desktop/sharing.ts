import type { DoorAccess } from '../doors.ts'
import type { DoorMode } from '../../domain/template.ts'
import type { Bridge } from './bridge.ts'
import type { GuacdAddress } from './gate.ts'

/** A desktop that somebody has open through this process, and that others may join. */
export interface Shared {
  readonly guacd: GuacdAddress
  readonly connectionId: string
  /** By which guacd reaches it, as whoever opened it knows. It ends when the last one leaves. */
  readonly bridge?: Bridge | null
}

export interface Sharing {
  /** What one who comes in this mode may join. A connection begun by one who only looks has no way for input or clipboard. */
  find(access: DoorAccess): Shared | null
  /** One more uses it; the answer takes them out again. */
  enter(access: DoorAccess, shared: Shared): { usersNow(): number; leave(): void }
  /** Nobody else is to join it. Who is on the way in already counts as one of those who see it. */
  forget(shared: Shared): void
}

interface Kept extends Shared {
  readonly key: string
  readonly begunIn: DoorMode
  users: number
  isForgotten: boolean
}

/** Which desktops are open through this process. */
export function createSharing(): Sharing {
  const kept = new Map<string, Kept>()
  const nameOf = ({ guacd, connectionId }: Shared) => `${guacd.host}:${guacd.port}/${connectionId}`
  return {
    find(access) {
      const key = keyOf(access)
      const fits = ({ begunIn }: Kept) => begunIn === 'control' || access.mode === 'view'
      const candidates = [...kept.values()].filter((entry) => entry.key === key && !entry.isForgotten && fits(entry))
      return candidates.find(({ begunIn }) => begunIn === 'control') ?? candidates[0] ?? null
    },
    enter(access, shared) {
      const name = nameOf(shared)
      const entry = kept.get(name) ?? begin(access, shared)
      kept.set(name, entry)
      entry.users += 1
      let inside = true
      return {
        usersNow: () => entry.users,
        leave() {
          if (!inside) return
          inside = false
          entry.users -= 1
          if (entry.users > 0) return
          kept.delete(name)
          entry.bridge?.close()
        },
      }
    },
    forget(shared) {
      const entry = kept.get(nameOf(shared))
      if (entry !== undefined) entry.isForgotten = true
    },
  }
}

/** Nothing else of what opened it is kept: its first picture is large. */
const begin = (access: DoorAccess, { guacd, connectionId, bridge = null }: Shared): Kept => ({
  ...{ guacd, connectionId, bridge },
  key: keyOf(access),
  begunIn: access.mode,
  users: 0,
  isForgotten: false,
})

/** Of one instance alone: what comes after it is another desktop. */
const keyOf = ({ sessionId, door, generation }: DoorAccess): string => `${sessionId}/${door}/${generation}`
