import { internal } from './answers.ts'
import type { Answer } from './answers.ts'
import type { Request } from './requests.ts'

/** What happens to requests that match, on their way. */
export interface Fault {
  readonly matches: (request: Pick<Request, 'method' | 'path'>) => boolean
  /** How often; for ever by default. */
  readonly times?: number
  /** `cut_before`: it never arrived. `cut_after`: it took effect, and the answer is lost. `error_after`: it took effect, and 500 says it failed. */
  readonly effect?: 'cut_before' | 'cut_after' | 'error_before' | 'error_after'
  /** Waits before anything happens. */
  readonly delayMs?: number
  readonly until?: Promise<void>
  /** Runs between effect and answer. */
  readonly meanwhile?: () => void | Promise<void>
  /** Takes the place of the answer. */
  readonly answer?: Answer
}

/** The faults between a node and whoever calls it, first come first. */
export function createFaults() {
  const faults: { fault: Fault; left: number }[] = []
  return {
    add(fault: Fault) {
      const entry = { fault, left: fault.times ?? Infinity }
      faults.push(entry)
      return {
        remove: () => void faults.splice(0, faults.length, ...faults.filter((f) => f !== entry)),
        left: () => entry.left,
      }
    },
    clear: () => void (faults.length = 0),
    take(request: Request) {
      const entry = faults.find(({ fault, left }) => left > 0 && fault.matches(request))
      if (entry !== undefined) entry.left -= 1
      const fault = entry?.fault
      return {
        async before(_request: Request): Promise<'cut' | Answer | null> {
          if (fault === undefined) return null
          if (fault.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref())
          if (fault.until !== undefined) await fault.until
          if (fault.effect === 'cut_before') return 'cut'
          if (fault.effect === 'error_before') return internal().answer
          return fault.answer ?? null
        },
        async after(answer: Answer): Promise<'cut' | Answer> {
          await fault?.meanwhile?.()
          if (fault?.effect === 'cut_after') return 'cut'
          return fault?.effect === 'error_after' ? internal().answer : answer
        },
      }
    },
  }
}
