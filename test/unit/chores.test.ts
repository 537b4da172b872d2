import { CancelledFailure } from '@temporalio/common'
import { expect, test } from 'vitest'
import { batchesPerRun, doInBatches } from '../../workflows/chores.ts'

const batches = (...sizes: number[]) => {
  const left = [...sizes]
  return () => Promise.resolve({ done: left.shift() ?? 0, more: left.length > 0 })
}

test('each chore is done to its end, in order', async () => {
  const order: string[] = []
  const said = (name: string, chore: ReturnType<typeof batches>) => async () => {
    order.push(name)
    return await chore()
  }
  const report = await doInBatches({
    a: said('a', batches(500, 500, 7)),
    b: said('b', batches(0)),
    c: said('c', batches(1)),
  })
  expect(report).toEqual({ done: { a: 1_007, b: 0, c: 1 }, left: [] })
  expect(order).toEqual(['a', 'a', 'a', 'b', 'c'])
})

test('what never ends has its batches and is left to the next run', async () => {
  const endless = () => Promise.resolve({ done: 1, more: true })
  expect(await doInBatches({ endless, other: batches(2) })).toEqual({
    done: { endless: batchesPerRun, other: 2 },
    left: ['endless'],
  })
})

test('what fails keeps no other from its turn, and the run fails with it', async () => {
  const turns: string[] = []
  const fails = (name: string) => () => {
    turns.push(name)
    return Promise.reject(new Error(name))
  }
  const works = () => {
    turns.push('works')
    return Promise.resolve({ done: 1, more: false })
  }
  await expect(doInBatches({ a: fails('a'), b: works, c: fails('c'), d: works })).rejects.toThrow('a')
  expect(turns).toEqual(['a', 'works', 'c', 'works'])
})

test('a run that is cancelled ends at once', async () => {
  let others = 0
  const cancelled = () => Promise.reject(new CancelledFailure('cancelled'))
  const other = () => Promise.resolve({ done: ++others, more: false })
  await expect(doInBatches({ cancelled, other })).rejects.toThrow(CancelledFailure)
  expect(others).toBe(0)
})
