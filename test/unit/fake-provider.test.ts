import { describe, expect, test } from 'vitest'
import type { Capabilities } from '../../domain/capabilities.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { computeConformance } from '../conformance/compute.ts'
import { call, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import type { ComputeHarness, InstanceKey } from '../conformance/compute-harness.ts'
import { pauseCases } from '../conformance/compute-pause.ts'
import { manyByCreating } from '../conformance/many-by-creating.ts'
import { plainSpec } from '../setup/plain-spec.ts'

const server = (key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  image: 'fake:1',
  secret: 'not for lists',
  resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
})

const can = {
  faults: true,
  mounts: false,
  many: true,
  pending: true,
  reports: true,
  refusals: ['backend_quota', 'unschedulable', 'template_unfit', 'start_failed'],
} as const

const harnessOf = (capabilities: Partial<Capabilities> = {}): ComputeHarness => {
  const backend = createFakeBackend()
  const open = () =>
    createFakeProvider({
      backend,
      endpoint: 'serve',
      startMs: 20,
      requestTimeoutMs: 100,
      pageSize: 4,
      settleMs: 50,
      capabilities,
    })
  const provider = open()
  return {
    provider,
    another: open,
    specs: {
      server,
      exiting: (key, exitCode) => ({ ...server(key), command: ['exit', `${exitCode}`] }),
      outOfMemory: (key) => ({ ...server(key), command: ['oom'] }),
      missingImage: (key) => ({ ...server(key), image: 'missing:1' }),
      pending: (key) => ({ ...server(key), command: ['wait'] }),
      refused: Object.fromEntries(
        can.refusals.map((code) => [
          code,
          (key: InstanceKey) => {
            backend.refuseNextCreate(code, 'as planned')
            return server(key)
          },
        ]),
      ),
    },
    leftovers: async (deployment) => [
      ...[...backend.instances.values()].filter((i) => i.deploymentId === deployment).map((i) => i.name),
      ...[...backend.volumes.keys()].filter((name) => name.includes(deployment)),
    ],
    faults: {
      provider,
      loseNextAnswer: () => backend.failNextCreate('after'),
      holdNextCreate: backend.holdNextCreate,
      goDown: backend.goDown,
      hang: backend.hang,
      slow: () => backend.setLatency(40),
      recover() {
        backend.goUp()
        backend.setLatency(0)
      },
    },
    many: manyByCreating(provider, server),
    mounts: undefined,
    pageSize: 4,
    limits: { startMs: 15_000, imageMissingMs: 5_000, boundedMs: 5_000 },
    close: () => provider.close(),
  }
}

computeConformance('fake', can, async () => await Promise.resolve(harnessOf()))

describe('a fake that remakes what it paused', () => {
  const harness = harnessOf({ resume: 'remakes' })
  pauseCases(() => harness, freshDeployment())
})

describe('a fake that cannot pause', () => {
  const harness = harnessOf({ pause: false })
  pauseCases(() => harness, freshDeployment())
})

test('what a test does to the fake is what its driver says', async () => {
  const fake = createFakeProvider()
  const key = freshKey(freshDeployment())
  await fake.create(server(key), call())
  expect(await fake.inspect(refOf(key), call())).toMatchObject({ kind: 'running', endpoints: [{ port: 8080 }] })

  expect(await fake.pause(refOf(key), call())).toEqual({ kind: 'paused' })
  expect(await fake.resume(refOf(key), call())).toMatchObject({ kind: 'running', endpoints: [{ port: 8080 }] })

  fake.backend.exit(key.name, { exitCode: 137, outOfMemory: true })
  expect(await fake.inspect(refOf(key), call())).toEqual({ kind: 'exited', exitCode: 137, outOfMemory: true })

  fake.backend.vanish(key.name)
  expect(await fake.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
  expect(fake.backend.count()).toBe(0)
})

test('creates go as planned, in the order of the plans', async () => {
  const fake = createFakeProvider()
  const key = freshKey(freshDeployment())
  const create = () => fake.create(server(key), call())
  fake.backend.failNextCreate('before', 7000)
  fake.backend.refuseNextCreate('start_failed', 'no room')
  expect(await create()).toMatchObject({ kind: 'unavailable', retryAfterMs: 7000 })
  expect(await create()).toMatchObject({ kind: 'refused', code: 'start_failed', detail: 'no room' })
  expect(fake.backend.count()).toBe(0)
  expect((await create()).kind).toBe('made')
  expect(fake.backend.calls.create).toBe(3)
})

test('its endpoints can point at a server of the test', async () => {
  const fake = createFakeProvider({ endpoint: { host: '127.0.0.1', hostPort: 4711 } })
  const key = freshKey(freshDeployment())
  await fake.create(server(key), call())
  expect(await fake.inspect(refOf(key), call())).toEqual({
    kind: 'running',
    endpoints: [{ port: 8080, host: '127.0.0.1', hostPort: 4711 }],
  })
})
