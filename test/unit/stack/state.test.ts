import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChild } from '../../../stack/child.ts'
import { readKept, writeKept } from '../../../stack/kept.ts'
import { isAlive } from '../../../stack/liveness.ts'
import { endLeftovers, readState, runningOf, writeState } from '../../../stack/state.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-state-'))
  file = join(directory, 'stack.json')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const reach = {
  apiUrl: 'http://127.0.0.1:1',
  gatewayPort: 8090,
  adminToken: 'carrel_a',
  userToken: 'carrel_u',
  temporalAddress: '127.0.0.1:2',
  temporalUiUrl: 'http://127.0.0.1:3',
  postgresUrl: 'postgres://x',
}
const sleeper = () =>
  startChild({ name: 'sleeper', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] })

test('the file is for our eyes only, and tells which processes still run', async () => {
  const child = await sleeper()
  await writeState(file, { ...reach, pids: { stack: process.pid, api: child.pid } })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const state = await readState(file)
  if (state === undefined) throw new Error('no state')
  expect(state).toMatchObject(reach)
  expect(await runningOf(state)).toEqual({ stack: process.pid, api: child.pid })
  await child.kill()
  expect(await runningOf(state)).toEqual({ stack: process.pid })
  const reused = { ...state, startedAt: { ...state.startedAt, stack: 'another time' } }
  expect(await runningOf(reused)).toEqual({})
})

test('what a killed stack left running is ended, and nothing else', async () => {
  const [left, stranger] = [await sleeper(), await sleeper()]
  await writeState(file, { ...reach, pids: { api: left.pid, worker: stranger.pid } })
  const state = await readState(file)
  // The worker's number belongs to somebody else by now.
  writeFileSync(file, JSON.stringify({ ...state, startedAt: { ...state?.startedAt, worker: 'another time' } }))
  expect(await endLeftovers(file)).toEqual(['api'])
  expect([isAlive(left.pid), isAlive(stranger.pid)]).toEqual([false, true])
  expect(await readState(file)).toBeUndefined()
  expect(await endLeftovers(file)).toEqual([])
  await stranger.kill()
})

test('a file of another version is no state', async () => {
  writeFileSync(file, '{"apiUrl":"x"}')
  expect(await readState(file)).toBeUndefined()
})

test('keys are made once and kept', async () => {
  const kept = await readKept(file)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  await writeKept(file, { ...kept, adminAccountId: 'aabc' })
  expect(await readKept(file)).toEqual({ ...kept, adminAccountId: 'aabc' })
})

test('damaged keys are not replaced: the data could not be read any more', async () => {
  writeFileSync(file, '{}')
  await expect(readKept(file)).rejects.toThrow('--fresh')
})
