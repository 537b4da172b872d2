import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket, TcpSocketConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { connectPinned } from '../../../ports/access/pinned.ts'
import { root } from '../../rules/imports.ts'
import { eventually } from '../../support/gateway/stand.ts'

const door = join(root, 'deploy/slurm/carrel-door')
/** A desk: it says who it is on a unix socket, echoes, and leaves by code 7 when it is told to. */
const desk = `
const { createServer } = require('node:net')
const { join, dirname } = require('node:path')
createServer((socket) => {
  socket.on('error', () => undefined)
  socket.write('RFB 003.008\\n')
  socket.on('data', (said) => (String(said) === 'log out' ? process.exit(7) : socket.write(said)))
}).listen(join(dirname(process.env.CARREL_SECRET_FILE), 'vnc'))
process.on('SIGTERM', () => process.exit(0))
`
/** How many may come from one address. */
const most = 64
/** In place of a status. */
const garbled = 0

interface Said {
  readonly token: string | undefined
  readonly body: { readonly ports: Readonly<Record<string, number>>; readonly fingerprint: string }
}
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

/** A job with `carrel-door`, which may open so many files, and somebody who takes its report, or answers with these statuses before. */
async function job(
  command: readonly string[] = [process.execPath, '-e', desk],
  refusals: number[] = [],
  { files = 1_024 } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-door-'))
  cleanups.push(() => rm(directory, { recursive: true, force: true }))
  const said: Said[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.once('end', () => {
      const status = refusals.shift() ?? 204
      // carrel-door wrote it.
      if (status === 204)
        said.push({
          token: request.headers.authorization,
          body: JSON.parse(Buffer.concat(parts).toString()) as Said['body'],
        })
      if (status === garbled) request.socket.end('nothing of HTTP\r\n\r\n')
      else response.writeHead(status, { location: '/elsewhere' }).end()
    })
  })
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => void server.close(resolve)))
  await writeFile(join(directory, 'token'), 'of the report')
  const limited = ['-c', `ulimit -Sn ${files} && exec "$@"`, 'sh']
  const child = spawn('sh', [...limited, 'python3', door, '5901=vnc', '--', ...command], {
    env: {
      PATH: process.env['PATH'],
      CARREL_SECRET_FILE: join(directory, 'secret'),
      CARREL_REPORT_TOKEN_FILE: join(directory, 'token'),
      // A server that listens on a port has one.
      CARREL_REPORT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/instance-reports`,
      CARREL_REPORT_PORTS: '20000-29999',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    // What it runs goes with it.
    detached: true,
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  let errors = ''
  child.stderr?.on('data', (part: Buffer) => (errors += part.toString()))
  // Then all that it said has come, too.
  const ended = once(child, 'close') as Promise<[number | null]>
  cleanups.push(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // All of it has ended.
    }
    await ended
  })
  return { child, ended, said, directory, errors: () => errors }
}

/** Somebody who comes to a port, and says nothing. */
async function connected(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

async function reported(child: ChildProcess, said: readonly Said[]): Promise<Said> {
  await eventually(() => said.length > 0 || child.exitCode !== null, 'it has reported', 60_000)
  const [first] = said
  if (first === undefined) throw new Error('it ended without a report')
  return first
}

test('a job reports its port and certificate once its command answers, and passes on what comes by that certificate', async () => {
  const { child, ended, said, directory } = await job()
  const { token, body } = await reported(child, said)
  expect(token).toBe('Bearer of the report')
  expect(Object.keys(body.ports)).toEqual(['5901'])
  const [port = 0] = Object.values(body.ports)
  expect(port >= 20_000 && port <= 29_999).toBe(true)
  expect((await stat(join(directory, 'door-key.pem'))).mode & 0o077).toBe(0)

  const target = { host: '127.0.0.1', port, fingerprint: body.fingerprint }
  await expect(connectPinned({ ...target, fingerprint: 'ab'.repeat(32) })).rejects.toThrow('another certificate')
  const viewer = await connectPinned(target)
  viewer.on('error', () => undefined)
  expect(String((await once(viewer, 'data'))[0])).toBe('RFB 003.008\n')
  const sent = Buffer.alloc(1 << 20, 'x')
  let heard = 0
  viewer.on('data', (part: Buffer) => (heard += part.length))
  viewer.write(sent)
  await eventually(() => heard === sent.length, 'all of it comes back', 60_000)
  // Who logs out ends the job.
  viewer.write('log out')
  expect((await ended)[0]).toBe(7)
  expect(said).toHaveLength(1)
}, 120_000)

test('neighbours take no more than their own places', async () => {
  const { child, said } = await job()
  const { body } = await reported(child, said)
  const [port = 0] = Object.values(body.ports)
  const from = (localAddress: string) => {
    const way: ConnectionOptions & TcpSocketConnectOpts = {
      ...{ host: '127.0.0.1', port, localAddress },
      rejectUnauthorized: false,
    }
    return connect(way)
      .on('error', () => undefined)
      .resume()
  }
  // All of these addresses are theirs.
  const crowd = Array.from({ length: most + 2 }, (_, n) => from(`127.0.0.${1 + (n % 3)}`))
  await eventually(() => crowd.filter((one) => one.closed).length === 2, 'two are too many', 60_000)
  const other = from('127.0.0.9')
  await eventually(() => other.closed, 'nor is there a third', 60_000)
  for (const one of crowd) one.destroy()
}, 120_000)

test('as many as may come find their places, however few files a job may open at first', async () => {
  const { child, said } = await job(undefined, [], { files: 100 })
  const { body } = await reported(child, said)
  const [port = 0] = Object.values(body.ports)
  const target = { host: '127.0.0.1', port, fingerprint: body.fingerprint }
  const crowd = await Promise.all(Array.from({ length: most }, () => connectPinned(target)))
  await Promise.all(crowd.map((one) => once(one, 'data')))
  for (const one of crowd) one.destroy()
}, 120_000)

test('who does not shake hands takes a place as well, and gives it back', async () => {
  const { child, said } = await job()
  const { body } = await reported(child, said)
  const [port = 0] = Object.values(body.ports)
  const comesIn = async () =>
    await connectPinned({ host: '127.0.0.1', port, fingerprint: body.fingerprint }).then(
      (socket) => Boolean(socket.destroy()),
      () => false,
    )
  // Each has 10 s to shake hands: on a machine that takes longer than that, all is tried anew.
  const comesBesideOthers = async () => {
    const silent = await Promise.all(Array.from({ length: most }, () => connected(port)))
    const isIn = await comesIn()
    for (const one of silent) one.destroy()
    return isIn
  }
  await expect.poll(comesBesideOthers, { timeout: 60_000 }).toBe(false)
  await expect.poll(comesIn, { timeout: 60_000 }).toBe(true)
}, 180_000)

test('a report that did not arrive is made again, and one that is refused ends the job', async () => {
  const again = async (status: number) => {
    const { child, ended, said } = await job(undefined, [status])
    await reported(child, said)
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
  }
  const never = async (status: number, said = desk) => {
    const { ended, errors } = await job([process.execPath, '-e', said], [status])
    expect((await ended)[0]).toBe(1)
    expect(errors()).toContain(`does not take the report: ${status}`)
  }
  const stubborn = desk.replace(
    "process.on('SIGTERM', () => process.exit(0))",
    "process.on('SIGTERM', () => undefined)",
  )
  expect(stubborn).not.toBe(desk)
  await Promise.all([again(503), again(garbled), never(409), never(302), never(409, stubborn)])
}, 120_000)

test('a command that ends before it answers is told, and nothing is reported', async () => {
  const { ended, said, errors } = await job(['sh', '-c', 'exit 3'])
  expect((await ended)[0]).toBe(3)
  expect([said, errors()]).toEqual([[], ''])
}, 120_000)
