import pg from 'pg'
import { expect, test } from 'vitest'
import { isUnavailable } from '../../api/failures.ts'
import { together } from '../../db/together.ts'

const patienceMs = 10_000

interface Round {
  readonly asks: readonly number[]
  answer(): void
  fail(error: Error): void
}

/** Answers each number with its double, in rounds that the test ends by itself. */
function doubling({ atOnce, most }: { atOnce: number; most: number }, now?: () => number) {
  const rounds: Round[] = []
  const run = async (asks: readonly number[]) =>
    await new Promise<number[]>((resolve, reject) => {
      rounds.push({ asks, answer: () => resolve(asks.map((n) => n * 2)), fail: reject })
    })
  const ask = together({ atOnce, most, patienceMs }, run, now)
  const round = async (n: number): Promise<Round> => {
    await expect.poll(() => rounds.length).toBeGreaterThan(n)
    const found = rounds[n]
    if (found === undefined) throw new Error('There is no such round.')
    return found
  }
  return { ask, round, asked: () => rounds.map(({ asks }) => asks) }
}

const refused = (code: string): pg.DatabaseError => Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })

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

test('who is asked again alone takes a turn like everybody, and one of them that takes long holds up no other', async () => {
  const { ask, round, asked } = doubling({ atOnce: 2, most: 10 })
  const slow = ask(1)
  const all = Promise.allSettled([2, 3, 4, 5, 6].map(ask))
  ;(await round(1)).answer()
  ;(await round(2)).fail(refused('23503'))
  await round(3)
  expect(asked()).toEqual([[1], [2], [3, 4, 5, 6], [3]])
  ;(await round(0)).answer()
  await round(4)
  // Of the two who are under way one takes its time.
  for (const n of [4, 5]) (await round(n)).answer()
  ;(await round(6)).fail(refused('23503'))
  expect(asked().slice(3)).toEqual([[3], [4], [5], [6]])
  ;(await round(3)).answer()
  expect((await all).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
  ])
  expect(await slow).toBe(2)
})

test.each(['57P01', '53300', '25006'])(
  'what the server refuses to everybody (%s) is not asked for each',
  async (code) => {
    const { ask, round, asked } = doubling({ atOnce: 1, most: 10 })
    const first = ask(1)
    const rest = Promise.allSettled([2, 3].map(ask))
    ;(await round(0)).answer()
    ;(await round(1)).fail(refused(code))
    expect(await first).toBe(2)
    expect((await rest).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(asked()).toEqual([[1], [2, 3]])
  },
)

test('who could not be asked for in time is told that the database is not there, and is asked for no more', async () => {
  let time = 0
  const { ask, round, asked } = doubling({ atOnce: 1, most: 10 }, () => time)
  const stuck = ask(1)
  const late = ask(2)
  time = patienceMs - 1
  const later = ask(3)
  time = patienceMs
  const latest = ask(4)
  let error: unknown
  late.catch((caught: unknown) => (error = caught))
  await expect.poll(() => isUnavailable(error)).toBe(true)
  ;(await round(0)).answer()
  ;(await round(1)).answer()
  expect(await Promise.all([stuck, later, latest])).toEqual([2, 6, 8])
  expect(asked()).toEqual([[1], [3, 4]])
})
