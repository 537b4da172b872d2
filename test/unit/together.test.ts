import pg from 'pg'
import { expect, test } from 'vitest'
import { together } from '../../db/together.ts'

interface Round {
  readonly asks: readonly number[]
  answer(): void
  fail(error: Error): void
}

/** Answers each number with its double, in rounds that the test ends by itself. */
function doubling({ atOnce, most }: { atOnce: number; most: number }) {
  const rounds: Round[] = []
  const ask = together({ atOnce, most }, async (asks: readonly number[]) => {
    return await new Promise<number[]>((resolve, reject) => {
      rounds.push({ asks, answer: () => resolve(asks.map((n) => n * 2)), fail: reject })
    })
  })
  const round = async (n: number): Promise<Round> => {
    await expect.poll(() => rounds.length).toBeGreaterThan(n)
    const found = rounds[n]
    if (found === undefined) throw new Error('There is no such round.')
    return found
  }
  return { ask, round, asked: () => rounds.map(({ asks }) => asks) }
}

test('who asks alone is asked for at once; who asks meanwhile is answered with all who wait, and never from before', async () => {
  const { ask, round, asked } = doubling({ atOnce: 1, most: 3 })
  const answers = Promise.all([1, 2, 3, 4, 5].map(ask))
  expect(asked()).toEqual([[1]])
  ;(await round(0)).answer()
  ;(await round(1)).answer()
  ;(await round(2)).answer()
  expect(await answers).toEqual([2, 4, 6, 8, 10])
  expect(asked()).toEqual([[1], [2, 3, 4], [5]])
})

test('so many are under way at a time, and one that takes long holds up nobody but its own', async () => {
  const { ask, round, asked } = doubling({ atOnce: 2, most: 10 })
  const [slow, quick, ...others] = [1, 2, 3, 4].map(ask)
  expect(asked()).toEqual([[1], [2]])
  ;(await round(1)).answer()
  expect(await quick).toBe(4)
  ;(await round(2)).answer()
  expect(await Promise.all(others)).toEqual([6, 8])
  ;(await round(0)).answer()
  expect(await slow).toBe(2)
})

test('what the server refuses for the sake of one is asked again for each alone: only that one is refused', async () => {
  const asked: (readonly number[])[] = []
  const ask = together({ atOnce: 1, most: 10 }, async (asks: readonly number[]) => {
    asked.push(asks)
    await Promise.resolve()
    if (asks.includes(3)) throw new pg.DatabaseError('not three', 9, 'error')
    return asks
  })
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(ask))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  expect(asked).toEqual([[1], [2, 3, 4], [2], [3], [4]])
})

test('where the server does not answer, nobody asks it once more for each', async () => {
  const { ask, round, asked } = doubling({ atOnce: 1, most: 10 })
  const first = ask(1)
  const rest = Promise.allSettled([2, 3].map(ask))
  ;(await round(0)).answer()
  ;(await round(1)).fail(new Error('Connection terminated'))
  expect(await first).toBe(2)
  expect((await rest).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(asked()).toEqual([[1], [2, 3]])
})
