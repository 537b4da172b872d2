import { afterEach, expect, test, vi } from 'vitest'
import { CloudError } from '../../../ports/compute/openstack/cloud-error.ts'
import { together } from '../../../ports/compute/openstack/together.ts'
import type { LookForMany } from '../../../ports/compute/openstack/together.ts'

afterEach(() => void vi.useRealTimers())

interface Trip {
  readonly deploymentId: string
  readonly names: readonly string[]
  readonly arrive: (found?: readonly (readonly [string, string])[]) => void
  readonly fail: (error: unknown) => void
}

/** A list that answers when it is told to. */
function slowList() {
  const trips: Trip[] = []
  const look = together<string>((deploymentId, names) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly [string, string])[]>()
    const all = () => names.map((name) => [name, `${deploymentId} ${name}`] as const)
    trips.push({ deploymentId, names, arrive: (found = all()) => resolve(found), fail: reject })
    return promise
  })
  const ask = (name: string, deploymentId = 'a', signal = new AbortController().signal) =>
    look({ name, deploymentId }, signal)
  const departed = async (count: number) => await expect.poll(() => trips.length).toBe(count)
  return { trips, ask, departed }
}

test('who asks while others are on their way goes with the next, and each is told of its own alone', async () => {
  const { trips, ask, departed } = slowList()
  const asked = [ask('one'), ask('two'), ask('three'), ask('two')]
  await departed(1)
  expect(trips[0]?.names).toEqual(['one'])
  trips[0]?.arrive()
  await departed(2)
  expect(trips[1]?.names).toEqual(['two', 'three'])
  trips[1]?.arrive([
    ['three', 'a three'],
    ['two', 'a two'],
    ['two', 'another two'],
  ])
  expect(await Promise.all(asked)).toEqual([['a one'], ['a two', 'another two'], ['a three'], ['a two', 'another two']])
  const last = ask('one')
  await departed(3)
  trips[2]?.arrive([])
  expect(await last).toEqual([])
})

test('no look goes for two deployments, or for more than twenty names', async () => {
  const { trips, ask, departed } = slowList()
  const names = Array.from({ length: 25 }, (_, n) => `n${n}`)
  const asked = [ask('first'), ask('x', 'b'), ...names.map(async (name) => await ask(name)), ask('y', 'b')]
  for (let count = 1; count <= 4; count++) {
    await departed(count)
    trips[count - 1]?.arrive()
  }
  expect(trips.map(({ deploymentId, names: { length } }) => [deploymentId, length])).toEqual([
    ['a', 1],
    ['b', 2],
    ['a', 20],
    ['a', 5],
  ])
  expect(new Set((await Promise.all(asked)).flat())).toEqual(
    new Set(['a first', 'b x', 'b y', ...names.map((name) => `a ${name}`)]),
  )
})

test('one that takes long keeps nobody waiting for ever', async () => {
  const { trips, ask, departed } = slowList()
  const stuck = ask('stuck')
  const asked = ask('other')
  await departed(2)
  trips[1]?.arrive()
  expect(await asked).toEqual(['a other'])
  trips[0]?.fail(new CloudError(503, 'nova: 503'))
  await expect(stuck).rejects.toThrow('nova: 503')
})

test('who leaves is not waited for, and takes nobody along', async () => {
  const { trips, ask, departed } = slowList()
  const left = new AbortController()
  const onTheWay = ask('on the way', 'a', left.signal)
  const waiting = ask('waiting', 'a', left.signal)
  const stays = ask('stays')
  left.abort()
  for (const gone of [onTheWay, waiting]) await expect(gone).rejects.toEqual(new CloudError(null, 'cancelled'))
  trips[0]?.arrive()
  await departed(2)
  expect(trips[1]?.names).toEqual(['stays'])
  trips[1]?.arrive()
  expect(await stays).toEqual(['a stays'])
  expect(trips).toHaveLength(2)
})

test('what goes wrong is everybody’s who went, and nobody else’s', async () => {
  const { trips, ask, departed } = slowList()
  const first = ask('first')
  const [two, three] = [ask('two'), ask('three')]
  trips[0]?.fail(new CloudError(null, 'unreachable'))
  await expect(first).rejects.toThrow('unreachable')
  await departed(2)
  trips[1]?.arrive()
  expect(await Promise.all([two, three])).toEqual([['a two'], ['a three']])
})

test('after a look as much time goes by as it took, so that a busy cloud has half of its time', async () => {
  vi.useFakeTimers()
  const { trips, ask } = slowList()
  const first = ask('first')
  await vi.advanceTimersByTimeAsync(400)
  trips[0]?.arrive()
  expect(await first).toEqual(['a first'])
  const asked = [ask('two'), ask('three')]
  await vi.advanceTimersByTimeAsync(399)
  expect(trips).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(trips.map(({ names }) => names)).toEqual([['first'], ['two', 'three']])
  trips[1]?.arrive()
  expect(await Promise.all(asked)).toEqual([['a two'], ['a three']])
})

test('and as much as it was told at least', async () => {
  vi.useFakeTimers()
  const look = vi.fn<LookForMany<string>>(() => Promise.resolve([]))
  const ask = together(look, 500)
  const asked = async () => await ask({ name: 'one', deploymentId: 'a' }, new AbortController().signal)
  await asked()
  const next = asked()
  await vi.advanceTimersByTimeAsync(499)
  expect(look).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  await next
  expect(look).toHaveBeenCalledTimes(2)
})
