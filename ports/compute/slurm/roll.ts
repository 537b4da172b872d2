import { untilAborted } from '../until-aborted.ts'
import { SlurmFailure } from './failure.ts'

/** A list that costs the backend much, asked for by many. */
export type Roll<T> = (signal: AbortSignal) => Promise<T>

/**
 * Asks for a list once for all who wait. Whoever asks is told what was so after asking: a list that is on its way already may be
 * too old, so the next one serves all who came meanwhile.
 */
export function createRoll<T>(ask: (signal: AbortSignal) => Promise<T>): Roll<T> {
  const never = new AbortController().signal
  let current: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | null = null

  function join(): Promise<T> {
    next ??= current.then(async () => {
      const asked = ask(never)
      current = asked.catch(() => undefined)
      next = null
      return await asked
    })
    return next
  }

  return async (signal) => {
    if (signal.aborted) throw new SlurmFailure('cancelled')
    try {
      return await untilAborted(join(), signal)
    } catch (error) {
      throw signal.aborted ? new SlurmFailure('cancelled') : error
    }
  }
}
