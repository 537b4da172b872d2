import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { labelsOf, objectName } from '../../../ports/compute/kubernetes/names.ts'
import { ProviderUnreachable } from '../../../ports/compute/provider.ts'
import { call, listed, timed } from '../../conformance/compute-harness.ts'
import { deploymentId, specWith } from './ground.ts'
import { json, no, playCluster } from './played-cluster.ts'
import type { PlayedCluster } from './played-cluster.ts'

let cluster: PlayedCluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

const ref = { name: 'carrel-s1-1', deploymentId }
const owners = (from: number, to: number, more = '') =>
  json(200, {
    metadata: { continue: more },
    items: Array.from({ length: to - from }, (_, n) => {
      const spec = specWith({ name: `carrel-s${from + n}-1` })
      const labels = { ...labelsOf(spec), 'carrel.stage': 'pausing' }
      return { metadata: { name: objectName(spec), uid: `u${from + n}`, labels } }
    }),
  })
const empty = json(200, { metadata: {}, items: null })

test('a list goes on page by page, and is begun anew when the cluster has forgotten where it was', async () => {
  let forgets = 1
  cluster = await playCluster((line) => {
    if (!line.includes('/secrets')) return empty
    if (!line.includes('continue=')) return owners(0, 2, 'next')
    return forgets-- > 0 ? no(410, 'Expired', 'The provided continue parameter is too old') : owners(2, 3)
  })
  const all = await listed(cluster.provider, deploymentId)
  expect(all.map((one) => one.ref.name)).toEqual(['carrel-s0-1', 'carrel-s1-1', 'carrel-s2-1'])
  expect(all.every(({ state }) => state.kind === 'paused')).toBe(true)
  const lines = cluster.requests.map(({ line }) => line).filter((line) => line.includes('/secrets'))
  expect(lines.map((line) => line.includes('continue=next'))).toEqual([false, true, false, true])
  // Never from a cache, which knows no pages and may be late.
  expect(lines.join('\n')).not.toContain('resourceVersion')
})

test.each(['persistentvolumeclaims', 'networkpolicies', 'services'])(
  'of %s without their owner a list tells, as of an instance that was lost, and of what others marked so it does not',
  async (kind) => {
    const metadata = { name: objectName(ref), uid: 'u1', labels: labelsOf(specWith()) }
    const foreign = { name: 'o2', uid: 'u2', labels: { 'carrel.deployment': deploymentId } }
    // Of another one, that may live; and of a name that is none of ours.
    const cloned = { name: 'o3', uid: 'u3', labels: labelsOf(specWith({ name: 'carrel-s2-1' })) }
    const odd = { name: 'o4', uid: 'u4', labels: { ...labelsOf(specWith()), 'carrel.name': 'Other' } }
    const items = [metadata, foreign, cloned, odd].map((one) => ({ metadata: one }))
    const some = json(200, { metadata: {}, items })
    cluster = await playCluster((line) => (line.includes(`/${kind}`) ? some : empty))
    expect(await listed(cluster.provider, deploymentId)).toMatchObject([
      {
        ref: { name: 'carrel-s1-1', deploymentId },
        sessionId: 's1',
        state: { kind: 'exited', reason: 'instance_lost' },
      },
    ])
    // Before any owner: what is being made meanwhile has one then.
    const asked = cluster.requests.map(({ line }) => line)
    const place = (of: string) => asked.findIndex((line) => line.includes(`/${of}?`))
    expect(place(kind)).toBeLessThan(place('secrets'))
    expect(place('secrets')).toBeLessThan(place('pods'))
  },
)

test('a list that is forgotten again and again is no short list', async () => {
  cluster = await playCluster((line) => (line.includes('continue=') ? no(410, 'Expired') : owners(0, 2, 'next')))
  await expect(listed(cluster.provider, deploymentId)).rejects.toThrow(ProviderUnreachable)
})

test('a list that has no end is none', async () => {
  cluster = await playCluster(() => owners(0, 2, 'the same again'))
  await expect(listed(cluster.provider, deploymentId)).rejects.toThrow(ProviderUnreachable)
})

test('the last that was printed is told, however long its lines are', async () => {
  const body = `${`${'x'.repeat(10_000)}\n`.repeat(100)}ready`
  cluster = await playCluster(() => ({ status: 200, body }))
  expect((await cluster.provider.logs?.(ref, 1_000, call()))?.endsWith('xxx\nready')).toBe(true)
})

test('lines too long to be read to their end are asked for again, far fewer of them', async () => {
  cluster = await playCluster((line) => {
    const lines = Number(/tailLines=(\d+)/.exec(line)?.[1])
    return { status: 200, body: `${`${'x'.repeat(16_000)}\n`.repeat(lines - 1)}ready` }
  })
  const text = (await cluster.provider.logs?.(ref, 1_000, call())) ?? ''
  expect(text.endsWith('xxx\nready')).toBe(true)
  expect(Buffer.byteLength(text)).toBe(64 * 1024)
  expect(cluster.requests.map(({ line }) => /tailLines=(\d+)/.exec(line)?.[1])).toEqual(['1000', '63'])
})

test('what never ends has no last lines', async () => {
  cluster = await playCluster(() => ({ status: 200, body: 'x'.repeat(5 << 20) }))
  expect(await cluster.provider.logs?.(ref, 50, call())).toHaveLength(0)
  expect(cluster.requests).toHaveLength(2)
})

test('what somebody between answers too much of is not removed', async () => {
  const others = { name: 'theirs', namespace: 'carrel-sessions', uid: 'u', labels: { app: 'theirs' } }
  cluster = await playCluster(() => json(200, { metadata: {}, items: [{ metadata: others }] }))
  await cluster.provider.remove(ref, call())
  expect(cluster.requests.filter(({ line }) => line.startsWith('DELETE'))).toEqual([])
})

test.each([
  ['a page for people', { status: 404, body: '<html>nothing here</html>' }],
  ['a login somewhere else', { status: 302, body: '', headers: { location: 'https://127.0.0.1:1/' } }],
  ['too much', { status: 200, body: `{"metadata":{"name":"${'x'.repeat(33 << 20)}","uid":"u"}}` }],
  ['another kind of thing', { status: 200, body: '{"metadata":{}}' }],
])('%s in place of an answer: nothing is known, and it is not believed to be gone', async (_, played) => {
  cluster = await playCluster(() => played)
  expect((await cluster.provider.inspect(ref, call())).kind).toBe('unknown')
})

test('a cluster that takes connections and says nothing: every answer comes in time', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  // A server that listens on a port has such an address.
  const { port } = silent.address() as AddressInfo
  cluster = await playCluster(() => empty, {
    server: `https://127.0.0.1:${port}`,
    requestTimeoutMs: 500,
    stopGraceSeconds: 1,
  })
  const { provider } = cluster
  try {
    const { ms, result } = await timed(
      async () =>
        await Promise.all([
          provider.inspect(ref, call()),
          provider.create(specWith(), call()),
          provider.remove(ref, call()),
          listed(provider, deploymentId).catch((error: unknown) => error),
        ]),
    )
    const [inspected, created, removal, list] = result
    expect([inspected.kind, created.kind, removal.kind]).toEqual(['unknown', 'unavailable', 'unknown'])
    expect(list).toBeInstanceOf(ProviderUnreachable)
    expect(ms).toBeLessThan(8_000)
  } finally {
    silent.close()
  }
})

test('what lives in another namespace is found there, and is made where its project is', async () => {
  const own = { projectNamespaces: { p1: 'carrel-p1' } }
  cluster = await playCluster(
    (line) => (line.startsWith('GET') ? no(404, 'NotFound') : no(403, 'Forbidden', 'exceeded quota: q')),
    own,
  )
  expect(await cluster.provider.inspect(ref, call())).toEqual({ kind: 'absent' })
  const asked = new Set(cluster.requests.map(({ line }) => /namespaces\/([^/]+)/.exec(line)?.[1]))
  expect(asked).toEqual(new Set(['carrel-sessions', 'carrel-p1']))
  expect(cluster.requests[0]?.authorization).toBe('Bearer a-token')

  // What a test calls a project.
  const spec = specWith({ projectId: 'p1' as never })
  expect(await cluster.provider.create(spec, call())).toMatchObject({ kind: 'refused', code: 'backend_quota' })
  const made = cluster.requests.find(({ line }) => line.startsWith('POST'))
  expect(made?.line).toContain('/namespaces/carrel-p1/secrets')
})

test('GPUs are for the driver to refuse: a template may say what they are called, where the provider does not', async () => {
  cluster = await playCluster(() => no(500, 'InternalError'))
  expect(cluster.provider.capabilities.gpu).toBe(true)
  const spec = specWith({ resources: { sessions: 1, cpuMilli: 500, memoryMib: 256, diskMib: 0, gpus: 1 } })
  expect(await cluster.provider.create(spec, call())).toMatchObject({ kind: 'refused', code: 'template_unfit' })
  expect(cluster.requests).toEqual([])
  const named = { ...spec, terms: { kubernetes: { gpuResource: 'amd.com/gpu' } } }
  expect((await cluster.provider.create(named, call())).kind).toBe('unavailable')
})

test('a Pod that is made between two looks is not lost', async () => {
  // inspect: ─ no Pod ──────────────── owner: made ─ the Pod
  // create:  ───────── Pod ─ made ────
  const labels = { ...labelsOf(specWith()), 'carrel.stage': 'made' }
  const metadata = { name: objectName(ref), namespace: 'carrel-sessions', uid: 'u', labels }
  const pod = { metadata, spec: { containers: [] }, status: { phase: 'Pending' } }
  let looks = 0
  cluster = await playCluster((line) => {
    if (line.includes('/secrets/')) return json(200, { metadata })
    return looks++ === 0 ? no(404, 'NotFound') : json(200, pod)
  })
  expect(await cluster.provider.inspect(ref, call())).toMatchObject({ kind: 'pending' })
})

test('a Pod that somebody deletes while it starts is no trouble of the provider: an inspection tells that it is lost', async () => {
  // create: ─ owner ─ rules ─ Pod ─ made ········ looks
  // others: ───────────────────────────── delete
  const labels = { ...labelsOf(specWith()), 'carrel.stage': 'making' }
  const metadata = { name: objectName(ref), namespace: 'carrel-sessions', uid: 'u', labels }
  const pod = { metadata, spec: { containers: [] }, status: {} }
  let isMade = false
  cluster = await playCluster((line) => {
    if (line.startsWith('POST')) return json(201, line.includes('/pods') ? pod : { metadata })
    if (line.startsWith('PATCH') && line.includes('/secrets/')) isMade = true
    if (line.startsWith('PATCH')) return json(200, { metadata })
    if (line.includes('/pods/')) return no(404, 'NotFound')
    return json(200, { metadata: { ...metadata, labels: { ...labels, 'carrel.stage': isMade ? 'made' : 'making' } } })
  })
  expect((await cluster.provider.create(specWith(), call())).kind).toBe('made')
  expect(await cluster.provider.inspect(ref, call())).toEqual({ kind: 'absent' })
})

test.each([
  [2, 'pending'],
  [60, 'exited'],
])(
  'a container that cannot be made, %i s after it failed first, however long its image took: %s',
  async (ago, kind) => {
    const at = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
    const labels = { ...labelsOf(specWith()), 'carrel.stage': 'made' }
    const metadata = { name: objectName(ref), namespace: 'carrel-sessions', uid: 'u', labels }
    const waiting = { reason: 'CreateContainerError', message: 'context deadline exceeded' }
    const status = {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: at(600) }],
      containerStatuses: [{ name: 'session', state: { waiting } }],
    }
    const events = ['Pulling', 'Pulled', 'Failed'].map((reason, n) => ({
      reason,
      firstTimestamp: at([590, 70, ago][n] ?? 0),
    }))
    cluster = await playCluster((line) => {
      if (line.includes('/events')) return json(200, { items: events })
      return json(200, line.includes('/pods/') ? { metadata, spec: { containers: [] }, status } : { metadata })
    })
    expect((await cluster.provider.inspect(ref, call())).kind).toBe(kind)
  },
)

test('a check by somebody whom the cluster forbids everything says that its credentials are refused', async () => {
  cluster = await playCluster(() => no(403, 'Forbidden', 'forbidden'))
  expect(await cluster.provider.check?.({ deploymentId, templates: [] }, call())).toEqual([
    { code: 'credentials_refused', level: 'missing' },
  ])
})

test('a removal that one namespace refuses goes on in the others, and answers when it has come to its end there', async () => {
  // p1:       ─ 401
  // sessions: ─────── a Pod ─ its end ─ nothing left ─ unknown
  const metadata = { name: objectName(ref), namespace: 'carrel-sessions', uid: 'u', labels: labelsOf(specWith()) }
  const asked = Promise.withResolvers<void>()
  let isThere = true
  cluster = await playCluster(
    async (line) => {
      if (line.includes('/carrel-p1/')) {
        asked.resolve()
        return no(401, 'Unauthorized')
      }
      if (line.startsWith('DELETE')) isThere = false
      await asked.promise
      return isThere && line.includes('/pods') ? json(200, { metadata: {}, items: [{ metadata }] }) : empty
    },
    { projectNamespaces: { p1: 'carrel-p1' } },
  )
  expect((await cluster.provider.remove(ref, call())).kind).toBe('unknown')
  expect(cluster.requests.filter(({ line }) => line.startsWith('DELETE'))).toHaveLength(1)
})

test('a name that somebody else has is not taken over', async () => {
  const stranger = { metadata: { name: objectName(ref), uid: 'u', labels: {} }, data: {} }
  cluster = await playCluster((line) => {
    if (line.startsWith('POST')) return no(409, 'AlreadyExists', 'secrets already exists')
    if (line.includes('labelSelector=')) return empty
    return line.includes('/secrets/') ? json(200, stranger) : no(404, 'NotFound')
  })
  expect(await cluster.provider.create(specWith(), call())).toMatchObject({ kind: 'refused', code: 'start_failed' })
  expect(cluster.requests.filter(({ line }) => !/^(GET|POST)/.test(line))).toEqual([])
  expect(await cluster.provider.inspect(ref, call())).toEqual({ kind: 'absent' })
})
