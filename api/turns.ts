import { tooMany } from './limiter.ts'

/** Work that would wait in the database waits for its turn here instead, with no connection in its hands. */
export interface Turns {
  /** Does the work when it is its turn: one at a time of a key. Throws 429 where that takes too long; then nothing was done. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>
}

export interface TurnLimits {
  /** How many have their turn at a time, each of another key. */
  readonly atOnce: number
  /** Nobody waits longer, ms. */
  readonly patienceMs: number
  /** What there is too much of, as a sentence. */
  readonly complaint: string
}

/** In this process. Of those whose key is free, whoever has waited longest is next. */
export function createTurns({ atOnce, patienceMs, complaint }: TurnLimits): Turns {
  const waiting = new Set<{ readonly key: string; readonly begin: () => void }>()
  const busy = new Set<string>()

  const next = (): void => {
    for (const one of waiting) {
      if (busy.size >= atOnce) return
      if (busy.has(one.key)) continue
      waiting.delete(one)
      busy.add(one.key)
      one.begin()
    }
  }

  const turn = async (key: string): Promise<void> =>
    await new Promise((resolve, reject) => {
      const one = {
        key,
        begin() {
          clearTimeout(timer)
          resolve()
        },
      }
      const timer = setTimeout(() => {
        waiting.delete(one)
        reject(tooMany(complaint, { msBeforeNext: patienceMs }))
      }, patienceMs)
      waiting.add(one)
      next()
    })

  return {
    async take(key, work) {
      await turn(key)
      try {
        return await work()
      } finally {
        busy.delete(key)
        next()
      }
    },
  }
}
