import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { call, eventually, freshKey, isKind, listed, refOf, type InstanceKey } from '../conformance/compute-harness.ts'
import { leftoversIn, processesWith, processStand, shell } from './process-harness.ts'

const limitMs = 15_000
let stand: Awaited<ReturnType<typeof processStand>>
let key: InstanceKey
beforeEach(async () => {
  stand = await processStand('auto')
  key = freshKey('here')
})
afterEach(async () => {
  for (const { ref } of await listed(stand.provider, 'here')) await stand.provider.remove(ref, call())
  await stand.close()
})

const inspect = () => stand.provider.inspect(refOf(key), call())
const marked = () => processesWith(`CARREL_INSTANCE=${key.name}`)

/** Another process with the provider, ready for its first deed. */
async function startWorker(user?: number) {
  const worker = spawn(
    process.execPath,
    [join(import.meta.dirname, 'process-worker.ts'), JSON.stringify(stand.settings)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    },
  )
  worker.stdin.on('error', () => {}) // it may be killed before it reads
  const lines = createInterface({ input: worker.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const send = (deed: string, spec: InstanceSpec) => worker.stdin.write(`${JSON.stringify({ deed, spec })}\n`)
  return {
    send,
    async does(deed: string, spec: InstanceSpec): Promise<unknown> {
      send(deed, spec)
      return JSON.parse((await lines.next()).value ?? 'null')
    },
    async kill() {
      if (worker.exitCode !== null || worker.signalCode !== null) return
      worker.kill('SIGKILL')
      await once(worker, 'exit')
    },
  }
}

test('what a killed worker began runs on, is adopted by the next, and its end is known', async () => {
  const spec = shell(key, 'echo up; until [ -e "$HOME/end" ]; do sleep 0.05; done; exit 7')
  const worker = await startWorker()
  expect(await worker.does('create', spec)).toMatchObject({ kind: 'made' })
  expect(await eventually(inspect, isKind('running'), limitMs)).toMatchObject({ kind: 'running' })
  const before = await inspect()
  await worker.kill()
  expect(await inspect()).toEqual(before)
  expect((await stand.another().create(spec, call())).kind).toBe('adopted')
  expect(await inspect()).toEqual(before)
  await stand.provider.remove(refOf(key), call())
  expect(marked()).toEqual([])

  const brief = { ...shell(key, 'sleep 0.5; exit 7') }
  const second = await startWorker()
  await second.does('create', brief)
  await second.kill()
  expect(await eventually(inspect, isKind('exited'), limitMs)).toMatchObject({ exitCode: 7 })
})

/** The moments of a create, by the first sign of each in the state directory, and what the next create may find then. */
const moments: Record<string, { reached(): boolean; next: RegExp }> = {
  'the lock is taken': { reached: () => has('locks'), next: /^(made|adopted)$/ },
  'the directory is being laid out': { reached: () => has('staging'), next: /^(made|adopted)$/ },
  'the directory is there': { reached: () => has('instances'), next: /^adopted$/ },
  'the supervisor is recorded': { reached: () => record().includes('startTime'), next: /^adopted$/ },
  'the command has begun': { reached: () => started(), next: /^adopted$/ },
}
const entries = (folder: string) =>
  readdirSync(join(stand.stateDirectory, folder)).filter((e) => e.startsWith(key.name))
const has = (folder: string) => entries(folder).length > 0
const record = () => {
  const [entry] = entries('instances')
  return entry === undefined
    ? ''
    : readFileSync(join(stand.stateDirectory, 'instances', entry, 'instance.json'), 'utf8')
}
const started = () =>
  entries('instances').some((e) => existsSync(join(stand.stateDirectory, 'instances', e, 'started')))

/** Looks without a pause: the moment is short. */
async function reach(reached: () => boolean): Promise<void> {
  for (const until = Date.now() + limitMs; !reached(); await immediate()) {
    if (Date.now() > until) throw new Error('the moment never came')
  }
}

for (const [moment, { reached, next }] of Object.entries(moments)) {
  test(`a worker killed when ${moment}: the next create makes it whole, one process runs, one removal clears all`, async () => {
    // worker 1: create ─ lock ─ lay out ─ rename ─ supervisor ─ record ─ go
    // worker 2:                    (killed at one of these)               create ─ running ─ remove
    for (let round = 0; round < 3; round++) {
      key = freshKey('here')
      const spec = shell(key, 'echo begun; exec sleep 9999')
      const worker = await startWorker()
      worker.send('create', spec)
      await reach(reached)
      await worker.kill()
      expect((await stand.provider.create(spec, call())).kind).toMatch(next)
      const log = () => stand.provider.logs?.(refOf(key), 10, call()) ?? Promise.resolve('')
      expect(await eventually(log, (text) => text !== '', limitMs)).toBe('begun')
      expect((await inspect()).kind).toBe('running')
      expect(marked().filter((line) => line.includes('sleep 9999') && !line.includes('bwrap'))).toHaveLength(1)
      expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
      expect([...leftoversIn(stand.stateDirectory, 'here'), ...marked()]).toEqual([])
    }
  })
}

const endings: Record<string, () => boolean> = {
  'it has begun': () => true,
  'the processes have ended': () => marked().length === 0,
  'the files are on their way out': () => has('trash') || !has('instances'),
}
for (const [moment, reached] of Object.entries(endings)) {
  test(`a worker killed in a removal, when ${moment}: the next removal finishes`, async () => {
    const spec = shell(key, 'mkdir -p a/b/c/d/e; sleep 9999')
    await stand.provider.create(spec, call())
    await eventually(inspect, isKind('running'), limitMs)
    const worker = await startWorker()
    worker.send('remove', spec)
    await reach(reached)
    await worker.kill()
    expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
    expect([...leftoversIn(stand.stateDirectory, 'here'), ...marked()]).toEqual([])
  })
}

test('a worker that is not root keeps the same promises', async () => {
  if (process.getuid?.() !== 0) return expect(stand.provider.capabilities.pause).toBe(false) // all the others are that worker then
  const nobody = 65_534
  await stand.close()
  stand = await processStand('auto')
  for (const folder of ['', 'instances', 'staging', 'trash', 'locks'])
    await chown(join(stand.stateDirectory, folder), nobody, nobody)
  const worker = await startWorker(nobody)
  const spec = shell(key, 'id -u; mkdir -p a/b; touch a/b/c; chmod -R 500 a; setsid sleep 9999 & sleep 9999')
  expect(await worker.does('create', { ...spec, user: { uid: 1_000, gid: 1_000, gids: [] } })).toMatchObject({
    kind: 'refused',
    detail: expect.stringContaining('only root can'),
  })
  expect(await worker.does('create', spec)).toMatchObject({ kind: 'made' })
  const log = () => stand.provider.logs?.(refOf(key), 10, call()) ?? Promise.resolve('')
  expect(await eventually(log, (text) => text !== '', limitMs)).toBe(String(nobody))
  expect(await worker.does('inspect', spec)).toMatchObject({ kind: 'running' })
  expect(await worker.does('remove', spec)).toEqual({ kind: 'removed' })
  expect([...leftoversIn(stand.stateDirectory, 'here'), ...marked()]).toEqual([])
  await worker.kill()
})
