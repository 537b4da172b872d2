import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive, untilGone } from '../../../stack/liveness.ts'
import { freePort } from '../../../stack/ports.ts'
import { ensureDatabase, startPostgres, type PostgresServer } from '../../../stack/postgres.ts'

let directory: string
const started: PostgresServer[] = []
beforeEach(() => {
  // As private as /root is: PostgreSQL, which does not run as root, must get there all the same.
  directory = mkdtempSync(join(tmpdir(), 'carrel-postgres-'))
})
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function start(password = 'p w/:@'): Promise<PostgresServer> {
  const options = { directory: join(directory, 'data'), port: await freePort(), password, durable: false }
  const server = await startPostgres(options)
  started.push(server)
  return server
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('data is there again after a stop and a start, in a directory that only we may enter', async () => {
  const first = await start()
  await ensureDatabase(first, 'carrel')
  await ensureDatabase(first, 'carrel')
  await ask(first.url('carrel'), 'create table t as select 7 as x')
  await first.stop()
  expect(await ask((await start()).url('carrel'), 'select x from t')).toEqual([{ x: 7 }])
})

test('it asks for the password, and listens on loopback alone', async () => {
  const server = await start()
  const wrong = new URL(server.url('postgres'))
  wrong.password = 'wrong'
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow('password')
  expect(await ask(server.url('postgres'), 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
  expect(await ask(server.url('postgres'), 'show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }])
})

test('a server that a killed stack left running is ended, and its data is there', async () => {
  const left = await start()
  await ensureDatabase(left, 'carrel')
  const next = await start()
  expect(await untilGone(left.pid, 15_000)).toBe(true)
  expect(await ask(next.url('carrel'), 'select 1 as x')).toEqual([{ x: 1 }])
})

test('what a killed server left computing is ended before the next one begins', async () => {
  // server 1: ──✗ killed      its backend computes on, with the cluster's files open
  // server 2:                  start: ends that backend ── then begins
  const killed = await start()
  const client = new pg.Client({ connectionString: killed.url('postgres') })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const backend = rows[0]?.pid ?? 0
  const computing = client.query('select count(*) from generate_series(1, 1000000000)').catch(() => 'cut off')
  await expect.poll(async () => await busy(killed.url('postgres'), backend)).toBe(true)
  process.kill(killed.pid, 'SIGKILL')
  await killed.ended
  expect(isAlive(backend)).toBe(true)
  const next = await start()
  expect(isAlive(backend)).toBe(false)
  expect(await computing).toBe('cut off')
  expect(await ask(next.url('postgres'), 'select 1 as x')).toEqual([{ x: 1 }])
})

async function busy(url: string, backend: number): Promise<boolean> {
  const found = await ask(url, `select 1 from pg_stat_activity where pid = ${backend} and state = 'active'`)
  return found.length === 1
}

test('a left-over lock whose number belongs to somebody else by now does not keep it from starting', async () => {
  const first = await start()
  const file = join(directory, 'data', 'postmaster.pid')
  const lines = readFileSync(file, 'utf8').split('\n')
  await first.stop()
  writeFileSync(file, [String(process.pid), ...lines.slice(1)].join('\n'))
  await start()
  expect(isAlive(process.pid)).toBe(true)
})

test('an initdb that was cut off leaves no half of a cluster behind', async () => {
  mkdirSync(join(directory, 'data.new', 'base'), { recursive: true })
  mkdirSync(join(directory, 'data', 'base'), { recursive: true })
  expect(await ask((await start()).url('postgres'), 'select 1 as x')).toEqual([{ x: 1 }])
})
