import type { InstanceRef } from '../provider.ts'

/** Remembers since when a job is nowhere to be found. Forgets with the process: then it takes longer to believe. */
export interface Missing {
  found(ref: InstanceRef): void
  /** Notes that it was not found now, and says whether that has been so for long enough. */
  isLost(ref: InstanceRef): boolean
}

const mostKept = 10_000

export function createMissing(lostAfterMs: number, now: () => number = Date.now): Missing {
  const since = new Map<string, number>()
  const keyOf = ({ name, deploymentId }: InstanceRef) => `${deploymentId} ${name}`
  return {
    found: (ref) => void since.delete(keyOf(ref)),
    isLost(ref) {
      const key = keyOf(ref)
      const first = since.get(key) ?? now()
      if (since.size >= mostKept) since.clear()
      since.set(key, first)
      return now() - first >= lostAfterMs
    },
  }
}
