import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from 'kysely'
import { connect } from '../../db/connect.ts'
import type { SessionId } from '../../domain/ids.ts'
import { connectTemporal } from '../../platform/temporal/connection.ts'
import { startChild } from '../../stack/child.ts'
import { createDatabase } from '../setup/database.ts'
import { addAccount } from '../setup/person.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import { plainTemplate } from '../setup/template.ts'
import { processesWith } from '../temporal/process-harness.ts'
import { ask, eventually as soon, held, quick, stateOf, stop, storyOf, until } from '../temporal/stage.ts'
import { templateId } from './portal.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-shutdown-'))
const release = join(directory, 'release')

/** Answers once the file is there: a start that lasts as long as the test wants. */
const server = `const fs = require('node:fs'), http = require('node:http')
const server = http.createServer((q, a) => a.end('ok'))
const wait = () => fs.existsSync(${JSON.stringify(release)}) ? server.listen(process.env.PORT, '127.0.0.1') : setTimeout(wait, 50)
wait()`

/** A Node needs address space. */
const resources = { sessions: 1, cpuMilli: 1_000, memoryMib: 2_048, diskMib: 0, gpus: 0 }

/** Longer than any machine takes. */
const longMs = 60_000
const eventually = async (what: string, holds: () => Promise<boolean> | boolean) => await soon(what, holds, longMs)

let site: Site
beforeAll(async () => {
  await chmod(directory, 0o711)
  site = await createSite({
    configuration: {
      providers: [
        {
          id: 'fake',
          kind: 'process',
          startLimit: 4,
          networks: ['127.0.0.0/8'],
          settings: {
            stateDirectory: directory,
            bwrap: 'off',
            images: { server: { command: [process.execPath, '-e', server] } },
          },
        },
      ],
      templates: [
        { name: 'trivial', spec: { ...plainTemplate, provider: { id: 'fake' }, image: 'server', egress: 'internet' } },
      ],
      quotaDefaults: {},
    },
    timings: quick,
  })
})
afterAll(async () => {
  await site?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Asks it to end, and says how it did and within how long. */
async function endOf({ child }: Service): Promise<{ readonly code: number | null; readonly ms: number }> {
  const began = Date.now()
  await child.stop(40_000)
  return { code: (await child.ended).code, ms: Date.now() - began }
}

/** A worker that is asked to end in the middle of so many of these activities, which take another second. */
async function endedDuring(activity: string, times: number, begin: () => Promise<unknown>): Promise<number> {
  const marker = join(directory, activity)
  const slow = JSON.stringify({ activity, ms: 1_000, marker })
  const worker = await site.startWorker('test/setup/slow-worker.ts', { TEST_SLOW: slow })
  await begin()
  await eventually(`${activity} began`, () => existsSync(marker) && readFileSync(marker).length === times)
  const { code, ms } = await endOf(worker)
  expect(code).toBe(0)
  return ms
}

const running = (id: SessionId) => processesWith(`CARREL_INSTANCE=carrel-${id}-1`).length > 0

test('workers that are asked to end in the middle of a start, a create and a removal lose nothing and end nobody', async () => {
  // worker 1: one is awaited, another one being made ──asked── leaves the one, finishes the other
  // worker 2:                                                     both ready; a removal ──asked── finishes it
  // worker 3:                                                                                         ends both
  const { db } = site
  const who = await addAccount(db)
  const begin = async () => await ask(db, who, { resources, startLimitSeconds: 600 })
  const ids: SessionId[] = []
  const took: Record<string, number> = {}
  took['start and create'] = await endedDuring('createInstance', 2, async () => {
    const first = await begin()
    await eventually('its door is knocked at', async () => {
      const row = await db.selectFrom('instance').select('seen').where('session_id', '=', first).executeTakeFirst()
      return row?.seen === 'running'
    })
    ids.push(first, await begin())
  })
  const [staying, leaving] = ids as [SessionId, SessionId]
  // Made is not yet run: its command begins on its own.
  await eventually('both run', () => ids.every(running))
  expect(await Promise.all(ids.map(async (id) => (await stateOf(db, id)).state))).toEqual([
    'provisioning',
    'provisioning',
  ])
  writeFileSync(release, '')

  took['removal'] = await endedDuring('removeInstance', 1, async () => {
    for (const id of ids) await until(db, id, ['ready'], longMs)
    await stop(db, leaving)
  })
  expect([running(staying), running(leaving)]).toEqual([true, false])
  expect((await stateOf(db, staying)).state).toBe('ready')

  const last = await site.startWorker()
  await until(db, leaving, ['stopped'], longMs)
  await stop(db, staying)
  await until(db, staying, ['stopped'], longMs)
  expect(ids.map(running)).toEqual([false, false])
  for (const id of ids) {
    expect(await held(db, id)).toBe(0)
    expect(await storyOf(db, id)).toEqual(['requested', 'provisioning', 'ready', 'stopping:user', 'stopped:user'])
  }
  const idle = await endOf(last)
  expect(idle.code).toBe(0)
  took['nothing'] = idle.ms
  console.log(`  a worker ended in the middle of, ms: ${JSON.stringify(took)}`)
  for (const each of Object.values(took)) expect(each).toBeLessThan(30_000)
})

test('an api that is asked to end says so first, tells its streams, answers who waits, and loses no wish', async () => {
  const { db, user } = site
  const api = await site.startApi({ CARREL_DRAIN_MS: '3000' })
  const portal = clientOf(api.url, user.token)
  const template = await templateId(portal)
  const stream = await fetch(`${api.url}/v1/events?after=now`, {
    headers: { authorization: `Bearer ${user.token}`, accept: 'text/event-stream' },
    signal: AbortSignal.timeout(60_000),
  })
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  expect((await statusOf(`${api.url}/readyz`, kept)).status).toBe(200)
  // No worker decides on it.
  const key = { 'idempotency-key': randomUUID(), prefer: 'wait=50' }
  const waiting = portal('POST', '/v1/sessions', { templateId: template }, key)
  await eventually(
    'the wish is written down',
    async () => (await db.selectFrom('session').select('id').where('state', '=', 'requested').execute()).length === 1,
  )

  const ending = endOf(api)
  await eventually('it says no, and asks to connect elsewhere', async () => {
    const { status, connection } = await statusOf(`${api.url}/readyz`, kept)
    return status === 503 && connection === 'close'
  })
  expect((await portal('GET', '/v1/whoami')).status).toBe(200)
  const answer = await waiting
  expect([answer.status, answer.body['state']]).toEqual([202, 'requested'])
  expect(await stream.text()).toMatch(/retry: 1000\n\n$/)
  const { code, ms } = await ending
  kept.destroy()
  console.log(`  an api ended within ${ms} ms, 3000 ms of it drained`)
  expect(code).toBe(0)
  expect(ms).toBeLessThan(20_000)

  const wishes = await db.selectFrom('session').select('id').where('state', '=', 'requested').execute()
  expect(wishes).toEqual([{ id: answer.body['id'] }])
})

/** Asks over a connection that is kept. */
const statusOf = async (url: string, agent: Agent) =>
  await new Promise<{ readonly status: number | undefined; readonly connection: string | undefined }>(
    (resolve, reject) => {
      request(url, { agent, timeout: 10_000 }, (response) => {
        response
          .resume()
          .once('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
      })
        .once('error', reject)
        .end()
    },
  )

test('a bootstrap that was killed in its middle is repeated, and the admin it prints is one', async () => {
  const database = await createDatabase()
  const namespace = `t${randomUUID().slice(0, 8)}`
  const begin = async (lines: string[]) =>
    await startChild({
      name: 'bootstrap',
      command: process.execPath,
      args: ['stack/bootstrap.ts'],
      cwd: join(import.meta.dirname, '../..'),
      env: {
        PATH: process.env['PATH'],
        CARREL_DATABASE_URL: database.url,
        CARREL_TEMPORAL_ADDRESS: site.temporalAddress,
        CARREL_TEMPORAL_NAMESPACE: namespace,
      },
      onLine: (line) => lines.push(line),
    })
  const db = connect({ url: database.url, poolSize: 2, name: 'carrel-test' })
  const temporal = await connectTemporal({ address: site.temporalAddress, namespace })
  const exists = async (table: string) =>
    (await sql`select to_regclass(${table}) as found`.execute(db)).rows.some(
      (row) => (row as { found: unknown }).found !== null,
    )
  const moments: Record<string, () => Promise<boolean>> = {
    'the migration began': async () => await exists('kysely_migration'),
    'the namespace is there': async () =>
      await temporal.workflowService.describeNamespace({ namespace }).then(
        () => true,
        () => false,
      ),
  }
  for (const [moment, reached] of Object.entries(moments)) {
    const child = await begin([])
    await eventually(moment, async () => (await reached()) || !child.isRunning())
    await child.kill()
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' })
  }
  const lines: string[] = []
  const whole = await begin(lines)
  expect(await whole.ended).toEqual({ code: 0, signal: null })
  const token = lines.filter((line) => line.startsWith('carrel_'))
  expect(token).toHaveLength(1)
  expect(await db.selectFrom('token').select('client').execute()).toEqual([{ client: 'bootstrap' }])
  await temporal.close()
  await db.destroy()
  await database.drop()
})
