import { CloudError } from './cloud-error.ts'

/**
 * Runs a deed when there is a place for it. Whoever's signal aborts while waiting gets a `CloudError`. `next`: before all who wait
 * already, for it is the end of something that others only begin.
 */
export type Limit = <T>(deed: () => Promise<T>, signal: AbortSignal, order?: 'next' | 'last') => Promise<T>

/** Lets so many deeds run at once; the others wait their turn. */
export function createLimit(places: number): Limit {
  let free = places
  const waiting: (() => void)[] = []
  return async (deed, signal, order = 'last') => {
    if (free > 0) free -= 1
    else await turn(waiting, signal, order)
    try {
      return await deed()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

async function turn(waiting: (() => void)[], signal: AbortSignal, order: 'next' | 'last'): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const leave = () => {
      waiting.splice(waiting.indexOf(begin), 1)
      reject(new CloudError(null, 'cancelled'))
    }
    const begin = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    if (signal.aborted) return reject(new CloudError(null, 'cancelled'))
    if (order === 'next') waiting.unshift(begin)
    else waiting.push(begin)
    signal.addEventListener('abort', leave, { once: true })
  })
}
