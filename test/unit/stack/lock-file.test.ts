import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startedAt } from '../../../stack/liveness.ts'
import { takeLock, withLock } from '../../../stack/lock-file.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-lock-'))
  file = join(directory, 'deep', 'lock')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function taken() {
  const lock = await takeLock(file)
  if (!('release' in lock)) throw new Error('the lock is held')
  return lock
}

test('a held lock says who holds it, and can be taken after its release', async () => {
  const lock = await taken()
  expect(await takeLock(file)).toEqual({ heldBy: { pid: process.pid, startedAt: await startedAt(process.pid) } })
  await lock.release()
  await (await taken()).release()
})

test('the lock of a process that is gone is taken over', async () => {
  await (await taken()).release()
  writeFileSync(file, JSON.stringify({ pid: 4_190_000, startedAt: '1' }))
  await taken()
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid })
})

test('a number that somebody else has by now holds nothing', async () => {
  await (await taken()).release()
  writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: 'another time' }))
  await taken()
})

test('a damaged lock is taken over', async () => {
  await (await taken()).release()
  writeFileSync(file, 'not json')
  await taken()
})

test('whoever waits for a lock is told once, and works alone', async () => {
  const order: string[] = []
  const waits: number[] = []
  const gate = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<void>()
  const first = withLock(
    file,
    5_000,
    () => undefined,
    async () => {
      order.push('first in')
      inside.resolve()
      await gate.promise
      order.push('first out')
    },
  )
  await inside.promise
  const second = withLock(
    file,
    5_000,
    ({ pid }) => {
      waits.push(pid)
      gate.resolve()
    },
    () => Promise.resolve(order.push('second in')),
  )
  await Promise.all([first, second])
  expect(order).toEqual(['first in', 'first out', 'second in'])
  expect(waits).toEqual([process.pid])
})

test('of many who find the lock of a dead process, one takes it over', async () => {
  // each:  read the dead holder ── move it away ── put mine there
  for (let round = 0; round < 20; round++) {
    await (await taken()).release()
    writeFileSync(file, JSON.stringify({ pid: 4_190_000, startedAt: '1' }))
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => takeLock(file)))
    expect(outcomes.filter((one) => 'release' in one)).toHaveLength(1)
    expect(readdirSync(dirname(file))).toEqual(['lock'])
    rmSync(file)
  }
})

test('a lock is released when the work fails, and a wait has an end', async () => {
  await expect(
    withLock(
      file,
      100,
      () => undefined,
      () => Promise.reject(new Error('no')),
    ),
  ).rejects.toThrow('no')
  const lock = await taken()
  await expect(
    withLock(
      file,
      0,
      () => undefined,
      () => Promise.resolve(),
    ),
  ).rejects.toThrow('too long')
  await lock.release()
})
