import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { createDiskLimit } from '../../../ports/compute/docker/disk.ts'
import { EngineError } from '../../../ports/compute/docker/engine.ts'
import type { Engine } from '../../../ports/compute/docker/engine.ts'
import { createDockerProvider } from '../../../ports/compute/docker/provider.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'

interface Daemon {
  readonly driver: string
  readonly filesystem: string
  /** What it says to a container with a limit; else it makes one. */
  readonly refuses?: string
  images: number
  away: boolean
}

const xfs: Daemon = { driver: 'overlay2', filesystem: 'xfs', images: 1, away: false }
const withoutQuotas = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"

/** A daemon, with what is asked of it, and how many containers it has. */
function play(daemon: Daemon) {
  const asked: string[] = []
  let containers = 0
  const answers: Readonly<Record<string, () => unknown>> = {
    'GET /info': () => ({ Driver: daemon.driver, DriverStatus: [['Backing Filesystem', daemon.filesystem]] }),
    'GET /images/json': () => Array.from({ length: daemon.images }, (_, n) => ({ Id: `sha256:${n}` })),
    'POST /containers/create': () => {
      if (daemon.refuses !== undefined) throw new EngineError(500, daemon.refuses)
      containers += 1
      return { Id: 'c1' }
    },
  }
  const call = (method: string, path: string) => {
    asked.push(`${method} ${path}`)
    if (daemon.away) throw new EngineError(null, 'unreachable')
  }
  const engine: Engine = {
    json: async (method, path, schema) => {
      call(method, path)
      return await Promise.resolve(schema.parse(answers[`${method} ${path}`]?.()))
    },
    done: async (method, path) => {
      call(method, path)
      if (method === 'DELETE') containers -= 1
      return await Promise.resolve(204)
    },
    bytes: async () => await Promise.resolve(Buffer.alloc(0)),
    lines: async function* () {},
  }
  return { engine, asked, containers: () => containers }
}

/** Lets it find out, and waits until it has. */
async function learnt(daemon: Daemon, setting: 'auto' | 'off' = 'auto') {
  const { engine, asked, containers } = play(daemon)
  let at = 0
  const disk = createDiskLimit(engine, setting, () => at)
  const settled = async () => {
    disk.learn()
    let before = -1
    while (before !== asked.length) {
      before = asked.length
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await settled()
  const later = async () => {
    at += 60_000
    await settled()
  }
  return { disk, asked, containers, aMinuteLater: later }
}

test.each(['btrfs', 'zfs'])('%s limits disks: known before anything was made', async (driver) => {
  const { disk, asked } = await learnt({ ...xfs, driver })
  expect([disk.works, asked]).toEqual([true, ['GET /info']])
})

test('overlay2 on xfs is tried, with a container that never runs and is taken away', async () => {
  const { disk, asked, containers, aMinuteLater } = await learnt(xfs)
  expect([disk.works, containers()]).toEqual([true, 0])
  expect(asked.filter((path) => path.includes('start'))).toEqual([])
  const before = asked.length
  await aMinuteLater()
  expect(asked.length).toBe(before)
})

test.each([
  ['overlay2 on another file system', { filesystem: 'extfs' }],
  ['overlay2 on xfs without quotas', { refuses: withoutQuotas }],
])('%s limits none, and that is asked once', async (_, over) => {
  const { disk, asked, aMinuteLater } = await learnt({ ...xfs, ...over })
  expect(disk.works).toBe(false)
  const before = asked.length
  await aMinuteLater()
  expect([disk.works, asked.length]).toEqual([false, before])
})

test.each([
  ['without any image', { images: 0 }],
  ['that does not answer', { away: true }],
])('of a daemon %s it is found out later', async (_, over) => {
  const daemon = { ...xfs, ...over }
  const { disk, asked, aMinuteLater } = await learnt(daemon)
  Object.assign(daemon, xfs)
  disk.learn()
  expect(disk.works).toBe(false)
  const before = asked.length
  await aMinuteLater()
  expect([disk.works, asked.length > before]).toEqual([true, true])
})

test('where limits are switched off nobody asks', async () => {
  const { disk, asked } = await learnt(xfs, 'off')
  expect([disk.works, asked]).toEqual([false, []])
})

test('a provider that was listed once says that it limits disks', async () => {
  const answers: Readonly<Record<string, unknown>> = { '/info': { Driver: 'btrfs' } }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answers[path] ?? []))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // `listen` on a port always yields an AddressInfo.
  const { port } = server.address() as AddressInfo
  const settings = dockerSettings.parse({ dockerHost: `tcp://127.0.0.1:${port}` })
  const provider = createDockerProvider(settings, { networks: ['127.0.0.0/8'] })
  try {
    expect(provider.capabilities.diskLimit).toBe(false)
    for await (const instance of provider.list('nobody', { signal: AbortSignal.timeout(10_000) }))
      throw new Error(`there is ${instance.ref.name}`)
    await vi.waitFor(() => expect(provider.capabilities.diskLimit).toBe(true), { timeout: 20_000, interval: 20 })
  } finally {
    await provider.close()
    server.close()
  }
})
