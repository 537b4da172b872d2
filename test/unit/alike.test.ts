import { expect, test } from 'vitest'
import { alike } from '../../db/alike.ts'

/** Runs that the test ends by itself, in the order in which they began. */
function runs() {
  const begun: { readonly what: string; end(answer: string): void; fail(error: Error): void }[] = []
  const ask = alike(
    ({ what }: { readonly what: string }) =>
      new Promise<string>((resolve, reject) => {
        begun.push({ what, end: resolve, fail: reject })
      }),
  )
  return { ask: (what: string) => ask({ what }), begun, asked: () => begun.map(({ what }) => what) }
}

test('who asks alone is answered at once; who asks the same meanwhile is answered by one run that begins after', async () => {
  const { ask, begun, asked } = runs()
  const first = ask('a')
  const others = [ask('a'), ask('a')]
  expect(asked()).toEqual(['a'])
  begun[0]?.end('old')
  expect(await first).toBe('old')
  expect(asked()).toEqual(['a', 'a'])
  const later = ask('a')
  begun[1]?.end('new')
  expect(await Promise.all(others)).toEqual(['new', 'new'])
  expect(asked()).toEqual(['a', 'a', 'a'])
  begun[2]?.end('newest')
  expect(await later).toBe('newest')
})

test('what differs is asked side by side', async () => {
  const { ask, begun, asked } = runs()
  const both = Promise.all([ask('a'), ask('b')])
  expect(asked()).toEqual(['a', 'b'])
  for (const { what, end } of begun) end(`${what}!`)
  expect(await both).toEqual(['a!', 'b!'])
})

test('a run that fails tells those who share it, and holds up nobody who asks after it', async () => {
  const { ask, begun, asked } = runs()
  const first = ask('a')
  const second = ask('a')
  begun[0]?.fail(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await expect.poll(asked).toEqual(['a', 'a'])
  begun[1]?.end('there')
  expect(await second).toBe('there')
  const third = ask('a')
  expect(asked()).toEqual(['a', 'a', 'a'])
  begun[2]?.end('still there')
  expect(await third).toBe('still there')
})
