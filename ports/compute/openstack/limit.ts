import { CloudError } from './cloud-error.ts'

/** Lets so many deeds run at once; the others wait their turn. Whoever's signal aborts while waiting gets a `CloudError`. */
export function createLimit(places: number): <T>(deed: () => Promise<T>, signal: AbortSignal) => Promise<T> {
  let free = places
  const waiting: (() => void)[] = []
  return async (deed, signal) => {
    if (free > 0) free -= 1
    else await turn(waiting, signal)
    try {
      return await deed()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

async function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
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
    waiting.push(begin)
    signal.addEventListener('abort', leave, { once: true })
  })
}
