import type { V1Container } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { objectName } from '../../ports/compute/kubernetes/names.ts'
import { podManifest } from '../../ports/compute/kubernetes/pod.ts'
import { kubernetesSettings } from '../../ports/compute/kubernetes/settings.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { call, eventually, freshDeployment, freshKey, isKind, made, refOf } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { openKubernetes, quick, serverSpec } from './kubernetes-harness.ts'
import { namespaces, openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

// What others do in a cluster beside Carrel: its admission, its machines, its operators.

const namespace = namespaces.sessions
const deployment = freshDeployment()
let stand: KubernetesStand
let provider: ComputeProvider
beforeAll(async () => {
  stand = await openStand()
  provider = openKubernetes(stand)
}, 120_000)
afterAll(async () => {
  await provider?.close()
  await stand?.close()
}, 120_000)

const state = async (key: InstanceKey, ...kinds: Parameters<typeof isKind>) =>
  await eventually(() => provider.inspect(refOf(key), call()), isKind(...kinds), 60_000)
const nothingIsLeftOf = async (key: InstanceKey) => {
  const remove = async () => await provider.remove(refOf(key), call())
  await eventually(remove, ({ kind }) => kind === 'removed', 60_000)
  expect(await stand.leftovers(deployment)).toEqual([])
}
const phaseOf = async (key: InstanceKey) =>
  (await stand.core.readNamespacedPod({ namespace, name: objectName(key) })).status?.phase

test('a session ends when its container does, also while one that the cluster put beside it runs on', async () => {
  const key = freshKey(deployment)
  const spec = { ...serverSpec(stand, key), environment: { ECHO_CRASH: '3s:7' } }
  const settings = kubernetesSettings.parse({ ...quick, inCluster: true })
  const pod = podManifest(spec, namespace, settings)
  const beside: V1Container = {
    name: 'of-the-cluster',
    image: stand.image,
    env: [{ name: 'ECHO_START_DELAY', value: '1h' }],
    resources: { limits: { cpu: '10m', memory: '32Mi' } },
  }
  // As admission would have made it of what the driver sends, which then finds it there.
  pod.spec?.containers.push(beside)
  await stand.core.createNamespacedPod({ namespace, body: pod })
  expect(made(await provider.create(spec, call()))).toBe(true)
  expect(await state(key, 'exited')).toMatchObject({ kind: 'exited', exitCode: 7 })
  expect(await phaseOf(key)).toBe('Running')
  await nothingIsLeftOf(key)
}, 120_000)

test('what its machine refuses to wake is made once more, and runs where there is room', async () => {
  const key = freshKey(deployment)
  const spec = { ...serverSpec(stand, key), terms: { kubernetes: { workspace: { target: '/home/desk' } } } }
  expect(made(await provider.create(spec, call()))).toBe(true)
  await state(key, 'running')
  expect(await provider.pause?.(refOf(key), call())).toEqual({ kind: 'paused' })

  // Straight to a machine, past who knows what room it has.
  const name = objectName(key)
  const machine = (await stand.core.listNode()).items.find(({ spec: node }) => node?.taints === undefined)
  expect(machine, 'a machine that takes anything').toBeDefined()
  const kept = (await stand.core.readNamespacedSecret({ namespace, name })).data?.['pod.json'] ?? ''
  const pod = Buffer.from(kept, 'base64').toString()
  const placed = pod
    .replaceAll('"cpu":"50m"', '"cpu":"999"')
    .replace('"containers"', `"nodeName":"${machine?.metadata?.name}","containers"`)
  await keep(name, Buffer.from(placed).toString('base64'))
  await provider.resume?.(refOf(key), call())
  expect(await state(key, 'unknown', 'exited')).toMatchObject({ kind: 'unknown' })
  expect(await phaseOf(key)).toBe('Failed')

  await keep(name, kept)
  await provider.resume?.(refOf(key), call())
  await state(key, 'running')
  await nothingIsLeftOf(key)
}, 180_000)

/** The Pod that an owner has to make again. */
async function keep(name: string, pod: string): Promise<void> {
  const owner = await stand.core.readNamespacedSecret({ namespace, name })
  owner.data = { ...owner.data, 'pod.json': pod }
  await stand.core.replaceNamespacedSecret({ namespace, name, body: owner })
}

test('one that goes out nowhere asks a name server only where it reports its ports to a name', async () => {
  const report = {
    url: 'https://carrel.example.org/v1/instance-reports',
    token: 't',
    ports: { from: 9_000, to: 9_010 },
  }
  const asked = async (more: object) => {
    const key = freshKey(deployment)
    expect(made(await provider.create({ ...serverSpec(stand, key), ...more }, call()))).toBe(true)
    const running = await state(key, 'running')
    const host = running.kind === 'running' ? (running.host ?? running.endpoints[0]?.host) : ''
    const text = await (await fetch(`http://${host}:8080/file?p=/etc/resolv.conf`)).text()
    await nothingIsLeftOf(key)
    return text
  }
  expect(await asked({})).toContain('192.0.2.53')
  expect(await asked({ report })).not.toContain('192.0.2.53')
}, 120_000)

test('a check names what is not there: secrets, classes, a namespace, and room for a size', async () => {
  const sizes = [
    { name: 'small', cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
    { name: 'large', cpuMilli: 64_000, memoryMib: 64, diskMib: 0, gpus: 0 },
  ]
  const templates = [{ image: 'desk:1', sizes, egress: 'none' as const, terms: {} }]
  const found = async (settings: Readonly<Record<string, unknown>>) => {
    const other = openKubernetes(stand, settings)
    try {
      const findings = (await other.check?.({ deploymentId: deployment, templates }, call())) ?? []
      return findings.map(({ code, about }) => `${code} ${about}`)
    } finally {
      await other.close()
    }
  }
  const tight = await found({ imagePullSecrets: ['not-there'], runtimeClass: 'none' })
  expect(tight).toContain(`named_missing imagePullSecrets not-there in ${namespaces.tight}`)
  expect(tight).toContain('named_missing runtimeClass none')
  expect(tight.filter((one) => one.includes('size large of desk:1: '))).not.toEqual([])
  expect(tight.filter((one) => one.includes('size small'))).toEqual([])
  expect(await found({ priorityClass: 'none' })).toContain('named_missing priorityClass none')
  // By somebody who may everything, there and elsewhere.
  const nothingElse = { server: undefined, ca: undefined, tokenFile: undefined, projectNamespaces: {} }
  const byAdministrator = { ...nothingElse, kubeconfig: stand.kubeconfig, namespace: 'not-there' }
  expect(await found(byAdministrator)).toContain('named_missing namespace not-there')
}, 120_000)
