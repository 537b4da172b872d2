import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import { pooled } from '../bench/rounds.ts'
import {
  call,
  eventually,
  freshDeployment,
  freshKey,
  isKind,
  listed,
  made,
  refOf,
  timed,
} from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { computeConformance } from '../conformance/compute.ts'
import { standCases } from './cases.ts'
import { openBackend } from './kubernetes-backend.ts'
import { kubernetesCan, kubernetesHarness, openKubernetes, serverSpec, specIn } from './kubernetes-harness.ts'
import { namespaces, openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

computeConformance('kubernetes', kubernetesCan, kubernetesHarness)

describe('on Kubernetes', () => {
  let stand: KubernetesStand
  let provider: ComputeProvider
  let deployment = ''
  beforeAll(async () => {
    stand = await openStand()
    provider = openKubernetes(stand)
  }, 120_000)
  beforeEach(() => {
    deployment = freshDeployment()
  })
  afterEach(async () => {
    for (const { ref } of await listed(provider, deployment)) await gone(ref)
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 120_000)
  afterAll(async () => {
    await provider.close()
    await stand.close()
  }, 120_000)

  const gone = async (ref: Parameters<ComputeProvider['remove']>[0]) =>
    await eventually(
      () => provider.remove(ref, call()),
      ({ kind }) => kind === 'removed',
      60_000,
    )
  const state = async (key: InstanceKey, ...kinds: Parameters<typeof isKind>) =>
    await eventually(() => provider.inspect(refOf(key), call()), isKind(...kinds), 60_000)
  const start = async (spec: InstanceSpec, key: InstanceKey) => {
    const created = await provider.create(spec, call())
    if (!made(created)) throw new Error(`it should be made: ${JSON.stringify(created)}`)
    const running = await state(key, 'running', 'exited')
    if (running.kind !== 'running') throw new Error(`it should run: ${JSON.stringify(running)}`)
    const [endpoint] = running.endpoints
    return `http://${endpoint?.host}:${endpoint?.hostPort}`
  }
  const withWorkspace = (key: InstanceKey): InstanceSpec => ({
    ...serverSpec(stand, key),
    terms: { kubernetes: { workspace: { target: '/home/desk' } } },
  })
  const write = async (url: string, path: string, body: string) =>
    await eventually(
      async () =>
        await fetch(`${url}/file?p=${path}`, { method: 'POST', body }).then(
          ({ ok }) => ok,
          () => false,
        ),
      (ok) => ok,
      30_000,
    )
  const read = async (url: string, path: string) =>
    await eventually(
      async () =>
        await fetch(`${url}/file?p=${path}`).then(
          async (answer) => await answer.text(),
          () => null,
        ),
      (text) => text !== null,
      30_000,
    )

  test('everything of a session passes where the level "restricted" is enforced', async () => {
    const key = freshKey(deployment)
    const spec = specIn({ ...withWorkspace(key), environment: { ECHO_TEXT: 'passed' }, egress: 'internet' }, 'pstrict')
    const url = await start(spec, key)
    expect(
      await eventually(
        async () =>
          await fetch(url).then(
            (r) => r.text(),
            () => '',
          ),
        (t) => t !== '',
        30_000,
      ),
    ).toBe('passed\n')
    const kinds = (await stand.leftovers(deployment)).map((object) => object.split(/[ /]/).slice(0, 2).join(' '))
    expect(kinds.sort()).toEqual(
      ['claim', 'pod', 'policy', 'secret', 'service'].map((kind) => `${kind} ${namespaces.strict}`),
    )
    await gone(refOf(key))
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 120_000)

  test('a session finds its secret in a file, and nothing of the cluster', async () => {
    const key = freshKey(deployment)
    const url = await start({ ...serverSpec(stand, key), environment: { GIVEN: '$(HOME) and all' } }, key)
    expect(await read(url, '/run/carrel/secret')).toBe(`secret of ${key.sessionId}`)
    const environment = JSON.parse(await (await fetch(`${url}/env`)).text()) as Record<string, string>
    expect(environment).toMatchObject({ GIVEN: '$(HOME) and all', CARREL_SECRET_FILE: '/run/carrel/secret' })
    // Where the cluster itself is, is told to every Pod; no other Service is.
    const services = Object.keys(environment).filter((name) => name.includes('_SERVICE_'))
    expect(services.filter((name) => !name.startsWith('KUBERNETES_'))).toEqual([])
    const token = await fetch(`${url}/file?p=/var/run/secrets/kubernetes.io/serviceaccount/token`)
    expect(token.status).toBe(404)
    await gone(refOf(key))
  }, 120_000)

  test('what rests keeps its volume and nothing that runs; it wakes under its name, however often it is told', async () => {
    const key = freshKey(deployment)
    const first = await start(withWorkspace(key), key)
    await write(first, '/home/desk/work', 'not lost')
    for (let time = 0; time < 2; time++) expect(await provider.pause?.(refOf(key), call())).toEqual({ kind: 'paused' })
    expect(await provider.inspect(refOf(key), call())).toEqual({ kind: 'paused' })
    expect((await listed(provider, deployment)).map((one) => one.state)).toEqual([{ kind: 'paused' }])
    expect((await stand.leftovers(deployment)).filter((object) => object.startsWith('pod'))).toEqual([])

    for (let time = 0; time < 2; time++)
      expect((await provider.resume?.(refOf(key), call()))?.kind).toMatch(/^(pending|running)$/)
    const running = await state(key, 'running')
    const endpoint = running.kind === 'running' ? running.endpoints[0] : undefined
    expect(await read(`http://${endpoint?.host}:${endpoint?.hostPort}`, '/home/desk/work')).toBe('not lost')
    expect((await provider.create(withWorkspace(key), call())).kind).toBe('adopted')
    await gone(refOf(key))
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 180_000)

  test('a Pod that somebody deletes while it starts is lost, and no trouble of the provider', async () => {
    // create: ─ Pod ─ watched ───────── answer made
    // others: ──────────────── delete
    const key = freshKey(deployment)
    const volume = { kind: 'csi' as const, driver: 'csi.none.example' }
    const creating = provider.create(
      { ...serverSpec(stand, key), mounts: [{ volume, target: '/data', mode: 'ro' }] },
      call(),
    )
    const pods = async () => (await stand.leftovers(deployment)).filter((object) => object.startsWith('pod'))
    const [pod] = await eventually(pods, (found) => found.length > 0, 60_000)
    const name = pod?.split('/')[1] ?? ''
    await stand.core.deleteNamespacedPod({ name, namespace: namespaces.sessions, gracePeriodSeconds: 0 })
    expect((await creating).kind).toBe('made')
    expect(await provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
    await gone(refOf(key))
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 120_000)

  test('a Pod that somebody deletes is lost, and what stood around it is found and removed', async () => {
    const key = freshKey(deployment)
    await start(serverSpec(stand, key), key)
    const [pod] = (await stand.leftovers(deployment)).filter((object) => object.startsWith('pod'))
    const name = pod?.split('/')[1] ?? ''
    await stand.core.deleteNamespacedPod({ name, namespace: namespaces.sessions, gracePeriodSeconds: 0 })
    expect(await state(key, 'absent')).toEqual({ kind: 'absent' })
    expect((await listed(provider, deployment)).map((one) => [one.ref.name, one.state.kind])).toEqual([
      [key.name, 'pending'],
    ])
    await gone(refOf(key))
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 120_000)

  test('what an owner left behind that was let go, as of one that rested, is listed, and removed', async () => {
    const key = freshKey(deployment)
    await start(withWorkspace(key), key)
    expect(await provider.pause?.(refOf(key), call())).toEqual({ kind: 'paused' })
    const [owner] = (await stand.leftovers(deployment)).filter((object) => object.startsWith('secret'))
    const name = owner?.split('/')[1] ?? ''
    await stand.core.deleteNamespacedSecret({ name, namespace: namespaces.sessions, propagationPolicy: 'Orphan' })
    const kinds = async () => (await stand.leftovers(deployment)).map((object) => object.split(' ')[0]).sort()
    const left = ['claim', 'policy', 'service']
    expect(await eventually(kinds, (found) => found.length === left.length, 60_000)).toEqual(left)
    expect(await provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
    const [shown, ...more] = await listed(provider, deployment)
    expect(shown).toMatchObject({ sessionId: key.sessionId, state: { kind: 'exited', reason: 'instance_lost' } })
    expect(more).toEqual([])
    // Another deployment's are no business of this one's.
    expect(await listed(provider, freshDeployment())).toEqual([])
    if (shown !== undefined) await gone(shown.ref)
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 180_000)

  test('with its owner goes all that belongs to an instance', async () => {
    const key = freshKey(deployment)
    await start(withWorkspace(key), key)
    const [owner] = (await stand.leftovers(deployment)).filter((object) => object.startsWith('secret'))
    const name = owner?.split('/')[1] ?? ''
    await stand.core.deleteNamespacedSecret({ name, namespace: namespaces.sessions })
    const left = () => stand.leftovers(deployment)
    expect(await eventually(left, (all) => all.length === 0, 60_000)).toEqual([])
    expect(await provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
  }, 120_000)

  test('an instance is reached at its Service where the provider is told so', async () => {
    const atService = openKubernetes(stand, { endpoints: 'service' })
    try {
      const key = freshKey(deployment)
      await start(serverSpec(stand, key), key)
      const [direct, byService] = await Promise.all(
        [provider, atService].map((each) => each.inspect(refOf(key), call())),
      )
      if (direct?.kind !== 'running' || byService?.kind !== 'running') throw new Error('it should run')
      const [endpoint] = byService.endpoints
      expect(endpoint?.host).not.toBe(direct.endpoints[0]?.host)
      const status = async () =>
        await fetch(`http://${endpoint?.host}:${endpoint?.hostPort}`).then(
          (r) => r.status,
          () => null,
        )
      expect(await eventually(status, (found) => found === 200, 30_000)).toBe(200)
      const [shown] = await listed(atService, deployment)
      expect(shown?.state).toEqual(byService)
      await gone(refOf(key))
    } finally {
      await atService.close()
    }
  }, 120_000)

  test('a claim that is not there is said at once', async () => {
    const key = freshKey(deployment)
    const volume = { kind: 'claim' as const, claim: 'not-there' }
    const spec = { ...serverSpec(stand, key), mounts: [{ volume, target: '/data', mode: 'ro' as const }] }
    const { ms, result } = await timed(async () => await provider.create(spec, call()))
    expect(result).toMatchObject({ kind: 'refused', code: 'template_unfit' })
    expect(ms).toBeLessThan(20_000)
    expect(await stand.leftovers(deployment)).toEqual([])
  }, 120_000)

  test('a create that is given up at 20 points in time, spread over one: a removal leaves nothing', async () => {
    // create: ─ owner ─ rules ─ service ─ Pod ─ watched ……
    //   ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑  ↑ given up, and removed at once
    const points = 20
    const undisturbed = freshKey(deployment)
    const { ms } = await timed(async () => await provider.create(withWorkspace(undisturbed), call()))
    await gone(refOf(undisturbed))
    await pooled(points, 4, async (point) => {
      const key = freshKey(deployment)
      const stop = new AbortController()
      const creating = provider.create(withWorkspace(key), { signal: stop.signal })
      await delay((ms * point) / (points - 1))
      stop.abort()
      const removing = provider.remove(refOf(key), call())
      await Promise.all([creating, removing])
      await gone(refOf(key))
    })
    // What was on its way when it was given up may land after its removal: the cluster ends what has no owner.
    for (const { ref } of await listed(provider, deployment)) await gone(ref)
    const left = () => stand.leftovers(deployment)
    expect(await eventually(left, (all) => all.length === 0, 30_000)).toEqual([])
  }, 300_000)
})

standCases('kubernetes', openBackend)
