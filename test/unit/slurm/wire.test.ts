import { createServer } from 'node:http'
import { createServer as createTcp } from 'node:net'
import type { RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createBackendReach } from '../../../ports/compute/backend-reach.ts'
import { SlurmFailure } from '../../../ports/compute/slurm/failure.ts'
import { createLocate } from '../../../ports/compute/slurm/hosts.ts'
import { jobName, readJobName } from '../../../ports/compute/slurm/names.ts'
import { createPace } from '../../../ports/compute/slurm/pace.ts'
import { createRoll } from '../../../ports/compute/slurm/roll.ts'
import { createWire } from '../../../ports/compute/slurm/wire.ts'
import { spec } from '../../support/slurm/replay.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function wireTo(
  listener: RequestListener,
  { timeoutMs = 5_000, reach = createBackendReach(null), host = '127.0.0.1' } = {},
) {
  const server = createServer(listener)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  // A server that listens on a port has one.
  const { port } = server.address() as AddressInfo
  const settings = { ca: undefined, caFile: undefined, requestTimeoutMs: timeoutMs, maxAnswerMib: 1 }
  const wire = createWire({ ...settings, url: `http://${host}:${port}/rest/` }, reach)
  closers.push(() => wire.close())
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
  return wire
}
const pass = { user: 'alice', token: 'secret-token' }
const get = { method: 'GET', path: '/slurm/x', pass } as const
const { signal } = new AbortController()

describe('one request', () => {
  test('says whose it is, below the base, and brings JSON', async () => {
    const wire = await wireTo((request, response) => {
      const { url, headers } = request
      response.end(JSON.stringify({ url, user: headers['x-slurm-user-name'], token: headers['x-slurm-user-token'] }))
    })
    const { status, body } = await wire.send(get, signal)
    expect([status, body]).toEqual([200, { url: '/rest/slurm/x', user: 'alice', token: 'secret-token' }])
  })

  test('goes to the same paths however its address is written', async () => {
    const wire = await wireTo(({ url }, response) => response.end(JSON.stringify({ url })), { host: '127.1' })
    expect((await wire.send(get, signal)).body).toEqual({ url: '/rest/slurm/x' })
  })

  test('that leads elsewhere is not followed', async () => {
    let count = 0
    const wire = await wireTo((_, response) => {
      count++
      response.writeHead(302, { location: '/elsewhere', 'retry-after': '3' }).end('moved')
    })
    expect(await wire.send(get, signal)).toEqual({ status: 302, body: null, retryAfterMs: 3_000 })
    expect(count).toBe(1)
  })

  test('is bounded in time and in size, and its failure tells no token', async () => {
    const silent = await wireTo(() => undefined, { timeoutMs: 200 })
    await expect(silent.send(get, signal)).rejects.toThrow('no answer within 200 ms')
    const endless = await wireTo((_, response) => {
      const more = () =>
        void (response.write('x'.repeat(64 * 1024)) ? setImmediate(more) : response.once('drain', more))
      more()
    })
    const failure = await endless.send(get, signal).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SlurmFailure)
    expect(String(failure)).not.toContain('secret-token')
  })

  test('is bounded while its connection is made as well, and so are those that wait for one', async () => {
    const taken = new Set<Socket>()
    const silent = createTcp((socket) => void taken.add(socket.on('error', () => undefined)))
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
    const { port } = silent.address() as AddressInfo
    const settings = { ca: undefined, caFile: undefined, requestTimeoutMs: 300, maxAnswerMib: 1 }
    const wire = createWire({ ...settings, url: `https://127.0.0.1:${port}` }, createBackendReach(null))
    closers.push(() => wire.close())
    closers.push(async () => {
      for (const socket of taken) socket.destroy()
      await new Promise((closed) => silent.close(closed))
    })
    const from = performance.now()
    const answers = await Promise.allSettled(Array.from({ length: 40 }, () => wire.send(get, signal)))
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(40)
    expect(performance.now() - from).toBeLessThan(8_000)
  })

  test('ends with its caller', async () => {
    const stop = new AbortController()
    const wire = await wireTo(() => stop.abort())
    await expect(wire.send(get, stop.signal)).rejects.toThrow('cancelled')
  })

  test('whose connection was cut is asked once more, where it only looks', async () => {
    let count = 0
    const wire = await wireTo((request, response) => {
      if (++count === 1) request.socket.destroy()
      else response.end('{}')
    })
    expect((await wire.send(get, signal)).status).toBe(200)
    expect(count).toBe(2)
    count = 0
    await expect(wire.send({ ...get, method: 'POST', body: {} }, signal)).rejects.toThrow(SlurmFailure)
    expect(count).toBe(1)
  })

  test('goes nowhere but where the backend may be', async () => {
    const wire = await wireTo((_, response) => response.end('{}'), { reach: createBackendReach(['10.0.0.0/8']) })
    await expect(wire.send(get, signal)).rejects.toThrow(SlurmFailure)
  })
})

describe('a list for many', () => {
  test('is asked for once for all who came while another was on its way', async () => {
    // A: ask ── list 1 ──────── done
    // B, C:  ─ ask (too late for 1) ── list 2 ── done
    const answers: ((n: number) => void)[] = []
    const roll = createRoll(() => new Promise<number>((resolve) => answers.push(resolve)))
    const a = roll(signal)
    await expect.poll(() => answers.length).toBe(1)
    const [b, c] = [roll(signal), roll(signal)]
    answers[0]?.(1)
    expect(await a).toBe(1)
    await expect.poll(() => answers.length).toBe(2)
    answers[1]?.(2)
    expect([await b, await c]).toEqual([2, 2])
  })

  test('that fails is asked for anew, and whoever leaves does not take it along', async () => {
    let isDown = true
    const roll = createRoll(() => (isDown ? Promise.reject(new SlurmFailure('down')) : Promise.resolve(1)))
    await expect(roll(signal)).rejects.toThrow('down')
    isDown = false
    const stop = new AbortController()
    const [left, stayed] = [roll(stop.signal), roll(signal)]
    stop.abort()
    await expect(left).rejects.toThrow('cancelled')
    expect(await stayed).toBe(1)
    await expect(roll(AbortSignal.abort())).rejects.toThrow('cancelled')
  })
})

describe('a list that costs much', () => {
  test('is followed by a rest of four times its length, which ends with its caller', async () => {
    let clock = 0
    const pace = createPace(() => clock)
    const taking = (ms: number) => () => Promise.resolve((clock += ms))
    await pace(taking(1_000), signal)
    const stop = new AbortController()
    const resting = pace(taking(0), stop.signal)
    stop.abort()
    await expect(resting).rejects.toThrow('cancelled')
    clock += 4_000
    await pace(taking(0), signal)
    await pace(taking(0), signal)
    expect(clock).toBe(5_000)
  })

  test('and fails: that is no measure', async () => {
    let clock = 0
    const pace = createPace(() => clock)
    const failing = () => Promise.reject(new SlurmFailure(`down ${(clock += 9_000)}`))
    await expect(pace(failing, signal)).rejects.toThrow('down')
    expect(await pace(() => Promise.resolve('at once'), signal)).toBe('at once')
  })
})

describe('a job’s name', () => {
  const made = jobName(spec, 'carrel')
  test('says of which instance it is, and where that listens', () => {
    expect(readJobName(made, spec.deploymentId, 'carrel')).toEqual({ name: spec.name, ports: [8080] })
    const none = jobName({ ...spec, ports: [] }, 'carrel')
    expect(readJobName(none, spec.deploymentId, 'carrel')).toEqual({ name: spec.name, ports: [] })
    expect(made.length).toBeLessThan(200)
  })

  test.each([
    ['another user’s', made, spec.deploymentId, 'alice'],
    ['another deployment’s', made, 'another', 'carrel'],
    ['one with another port', made.replace('p8080', 'p22'), spec.deploymentId, 'carrel'],
    ['another instance’s', made.replace('-1.', '-2.'), spec.deploymentId, 'carrel'],
    ['none of ours', 'carrel-simulation', spec.deploymentId, 'carrel'],
  ])('%s is not read', (_, text, deployment, user) => {
    expect(readJobName(text, deployment, user)).toBeNull()
  })
})

describe('a node', () => {
  const settings = { nodeAddresses: { node1: '10.0.0.1', outside: '192.0.2.1' }, nodeDomain: 'cluster.example' }
  const asked: string[] = []
  const locate = createLocate(settings, ['10.0.0.0/8'], async (name) => {
    asked.push(name)
    if (name === 'node3.cluster.example') throw new Error('no such name')
    return await Promise.resolve(['192.0.2.7', '10.0.0.2'])
  })

  test('is where the settings say, or where its name leads, inside the provider’s networks', async () => {
    expect(await locate('node1')).toEqual({ host: '10.0.0.1' })
    expect(await locate('node2')).toEqual({ host: '10.0.0.2' })
    expect(await locate('node2')).toEqual({ host: '10.0.0.2' })
    expect(asked).toEqual(['node2.cluster.example'])
  })

  test.each(['outside', 'node3', 'a/b', '', '169.254.169.254'])('%s is nowhere', async (node) => {
    expect(await locate(node)).toHaveProperty('why')
  })
})
