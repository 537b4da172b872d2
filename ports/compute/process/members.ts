import type { Seen } from './processes.ts'
import type { ProcessIdentity } from './record.ts'

export const markVariable = 'CARREL_MARK'

/** By what the processes of one instance are known. */
export interface Belonging {
  readonly mark: string
  /** A user that runs nothing but this instance. */
  readonly exclusiveUid: number | null
  readonly supervisor: ProcessIdentity | null
}

/**
 * The processes that belong to an instance: those with its mark in their environment, those of its own user, those of
 * the supervisor's session while it lives, and all their descendants. Outside a sandbox and without a user of its own,
 * a process that drops its environment, its session and its parent is not known: that is `isolation: none`.
 */
export function membersOf(all: readonly Seen[], belonging: Belonging, self: number): Seen[] {
  const { mark, exclusiveUid, supervisor } = belonging
  const supervised =
    supervisor !== null && all.some((p) => p.pid === supervisor.pid && p.startTime === supervisor.startTime)
  const belongs = (p: Seen) =>
    p.environment.includes(`${markVariable}=${mark}\0`) ||
    p.uid === exclusiveUid ||
    (supervised && p.session === supervisor.pid)
  const members = new Set(all.filter(belongs).map((p) => p.pid))
  for (let before = -1; before !== members.size;) {
    before = members.size
    for (const p of all) if (members.has(p.parent)) members.add(p.pid)
  }
  members.delete(self)
  return all.filter((p) => members.has(p.pid))
}
