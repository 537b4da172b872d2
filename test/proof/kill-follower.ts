import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Portal } from './kill-portal.ts'

const page = z.object({
  items: z.array(z.object({ id: z.string(), sessionId: z.string(), seq: z.int() })),
  nextCursor: z.string().nullable(),
})

const restMs = 300

/**
 * Reads the events of all sessions as they come, across everything that is killed, and goes on from the last one it has: it
 * must miss nothing and be told nothing twice.
 */
export function follow(portal: Portal) {
  const heard = new Map<string, number>()
  const breaches: string[] = []
  const closing = new AbortController()
  let last: string | null = null

  /** One page. Whether it was the last one there is for now; null where it was not answered. */
  const read = async (): Promise<boolean | null> => {
    const { status, body } = await portal.follow(last)
    if (status !== 200) return null
    const { items, nextCursor } = page.parse(body)
    for (const { id, sessionId, seq } of items) {
      const before = heard.get(sessionId) ?? 0
      if (seq !== before + 1)
        breaches.push(`the reader of all events heard line ${seq} of ${sessionId} after line ${before}`)
      heard.set(sessionId, seq)
      last = id
    }
    return nextCursor === null
  }
  const loop = (async () => {
    while (!closing.signal.aborted)
      if ((await read()) !== false) await delay(restMs, undefined, { signal: closing.signal }).catch(() => {})
  })()
  loop.catch(() => {})

  const stop = async () => {
    closing.abort()
    await loop
  }

  return {
    stop,
    /** Reads on until it has what these sessions' rows count, for a while, and tells what was missed or told twice. */
    async close(lines: ReadonlyMap<string, number>, withinMs: number): Promise<string[]> {
      await stop()
      const behind = () => [...lines].filter(([id, count]) => (heard.get(id) ?? 0) < count)
      for (const until = Date.now() + withinMs; behind().length > 0 && Date.now() < until;)
        if ((await read()) !== false) await delay(restMs)
      const missed = behind().map(
        ([id, count]) => `the reader of all events heard ${heard.get(id) ?? 0} of ${count} lines of ${id}`,
      )
      return [...breaches, ...missed]
    },
  }
}
export type Follower = ReturnType<typeof follow>
