import { expect, test } from 'vitest'
import { Problem } from '../../api/problem.ts'
import { createTurns } from '../../api/turns.ts'

const complaint = 'Too much at once.'
const patient = { patienceMs: 60_000, complaint }

/** Work that ends when the test says so. */
function scene(limits: { atOnce: number; patienceMs: number; complaint: string }) {
  const turns = createTurns(limits)
  const begun: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const take = (key: string, name: string) =>
    turns.take(key, async () => {
      begun.push(name)
      await new Promise<void>((resolve, reject) => {
        ends.set(name, (error) => (error === undefined ? resolve() : reject(error)))
      })
      return name
    })
  const end = (name: string, error?: Error) => ends.get(name)?.(error)
  return { take, begun, end }
}

test('one at a time of a key, in the order in which they came, and so many in all', async () => {
  const { take, begun, end } = scene({ ...patient, atOnce: 2 })
  const first = take('ada', 'a1')
  const rest = [take('ada', 'a2'), take('bob', 'b1'), take('cyd', 'c1')]
  await expect.poll(() => begun).toEqual(['a1', 'b1'])
  end('a1')
  expect(await first).toBe('a1')
  await expect.poll(() => begun).toEqual(['a1', 'b1', 'a2'])
  end('b1')
  await expect.poll(() => begun).toEqual(['a1', 'b1', 'a2', 'c1'])
  end('a2')
  end('c1')
  expect(await Promise.all(rest)).toEqual(['a2', 'b1', 'c1'])
})

test('whoever fails gives the turn on', async () => {
  const { take, begun, end } = scene({ ...patient, atOnce: 1 })
  const first = take('ada', 'a1')
  const second = take('ada', 'a2')
  await expect.poll(() => begun).toEqual(['a1'])
  end('a1', new Error('no'))
  await expect(first).rejects.toThrow('no')
  await expect.poll(() => begun).toEqual(['a1', 'a2'])
  end('a2')
  await second
})

test('whoever waits for too long is refused, and never begins', async () => {
  const { take, begun, end } = scene({ atOnce: 4, patienceMs: 20, complaint })
  const first = take('ada', 'a1')
  const refused: unknown = await take('ada', 'a2').catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(Problem)
  expect(refused).toMatchObject({ code: 'too_many_requests', more: { headers: { 'retry-after': '1' } } })
  end('a1')
  await first
  expect(begun).toEqual(['a1'])
  const third = take('ada', 'a3')
  await expect.poll(() => begun).toEqual(['a1', 'a3'])
  end('a3')
  await third
})
