import { expect, test } from 'vitest'
import { follow, usualPace } from '../../api/events/follow.ts'
import type { Followed } from '../../api/events/follow.ts'
import { createOpenStreams, leaving } from '../../api/events/open-streams.ts'

const pace = { pollMs: 20, soonMs: 5, checkMs: 30, commentMs: 60 }

/** A history of numbers that grows when `add` is called. */
function history(changed: Partial<Followed<number>> = {}) {
  const all: number[] = []
  let news: (() => void) | null = null
  let ended = false
  const source: Followed<number> = {
    place: 0,
    startId: null,
    read: async (place) => ({
      frames: all.slice(place, place + 2).map((n) => ({ id: String(n), event: 'number', data: n })),
      place: Math.min(place + 2, all.length),
      more: all.length > place + 2,
      ended: ended && all.length <= place + 2,
    }),
    mayGoOn: async () => true,
    onNews: (heard) => {
      news = heard
      return () => {
        news = null
      }
    },
    ...changed,
  }
  return {
    source,
    add: (...numbers: number[]) => {
      all.push(...numbers)
      news?.()
    },
    end: () => {
      ended = true
      news?.()
    },
    listens: () => news !== null,
  }
}

async function collect(
  source: Followed<number>,
  signal: AbortSignal,
  until: (text: string) => boolean,
): Promise<string> {
  let text = ''
  for await (const part of follow(source, signal, pace)) {
    text += part
    if (until(text)) break
  }
  return text
}

const never = () => new AbortController().signal

test('everything there is comes in order, then what is new, then the end', async () => {
  const { source, add, end } = history()
  add(1, 2, 3, 4, 5)
  const reading = collect(source, never(), () => false)
  add(6)
  end()
  const text = await reading
  expect([...text.matchAll(/^id: (\d)$/gm)].map(([, n]) => n)).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(text).toMatch(/^: hello\n\n/)
  expect(text).toMatch(/event: end\ndata: \{\}\n\n$/)
})

test('news that come while it reads are not lost', async () => {
  const made = history()
  let first = true
  const { read } = made.source
  const source = {
    ...made.source,
    read: async (place: number) => {
      const batch = await read(place)
      if (first) made.add(1)
      first = false
      return batch
    },
  }
  const begun = Date.now()
  const slow = { ...pace, pollMs: 60_000, soonMs: 60_000 }
  for await (const part of follow(source, never(), slow)) if (part.includes('id: 1')) break
  expect(Date.now() - begun).toBeLessThan(5_000)
})

test('without any news the poll finds what is new', async () => {
  const made = history({ onNews: () => () => {} })
  const reading = collect(made.source, never(), (text) => text.includes('id: 1'))
  made.add(1)
  expect(await reading).toContain('id: 1')
})

test('a quiet stream speaks a comment now and then', async () => {
  expect(await collect(history().source, never(), (text) => text.includes(': still here'))).toContain(
    ': still here\n\n',
  )
  expect(usualPace.commentMs).toBe(15_000)
})

test('it ends when the reader may read no more, without telling of an end', async () => {
  let may = true
  const { source } = history({ mayGoOn: async () => may })
  const reading = collect(source, never(), () => false)
  may = false
  expect(await reading).not.toContain('event: end')
})

test('it stops listening however it ends', async () => {
  const made = history()
  await collect(made.source, never(), (text) => text.includes('hello'))
  const failing = history({ read: () => Promise.reject(new Error('lost')) })
  await expect(collect(failing.source, never(), () => false)).rejects.toThrow('lost')
  expect([made.listens(), failing.listens()]).toEqual([false, false])
})

test('only the end of the server says when to come back', async () => {
  const ended = async (why: string) => {
    const controller = new AbortController()
    const reading = collect(history().source, controller.signal, () => false)
    controller.abort(why)
    return await reading
  }
  expect(await ended(leaving.server)).toMatch(/retry: 1000\n\n$/)
  expect(await ended(leaving.reader)).not.toContain('retry')
})

test('a caller has 32 streams at most, and gets the place of one that is done', () => {
  const streams = createOpenStreams()
  const open = Array.from({ length: 32 }, () => streams.open('me'))
  expect(open.every((stream) => stream !== null)).toBe(true)
  expect(streams.open('me')).toBeNull()
  expect(streams.open('you')).not.toBeNull()
  open[0]?.done()
  expect(streams.open('me')).not.toBeNull()
  streams.shutDown()
  expect(open.slice(1).every((stream) => stream?.signal.reason === leaving.server)).toBe(true)
})
