import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import { call, eventually, freshDeployment, freshKey, isKind, made, refOf } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { openKubernetes, serverSpec } from './kubernetes-harness.ts'
import { namespaces, openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

/** What no machine has before this says so: the cluster counts it as it counts GPUs, and nothing drives it. */
const resource = 'carrel.test/gpu'

let stand: KubernetesStand
let provider: ComputeProvider
let machine: string | null = null
const deployment = freshDeployment()

beforeAll(async () => {
  stand = await openStand()
  provider = openKubernetes(stand, { gpuResource: resource })
  // Where sessions go that ask for nothing.
  const key = freshKey(deployment)
  const created = await provider.create(serverSpec(stand, key), call())
  if (!made(created)) throw new Error(`it should be made: ${JSON.stringify(created)}`)
  await eventually(() => provider.inspect(refOf(key), call()), isKind('running'), 60_000)
  machine = (await podOf(key)).spec?.nodeName ?? null
  await gone(key)
  await offer([{ op: 'add', path: statusPath, value: '1' }])
}, 180_000)
afterAll(async () => {
  if (machine !== null) await offer([{ op: 'remove', path: statusPath }])
  await provider?.close()
  await stand?.close()
}, 120_000)

const statusPath = `/status/capacity/${resource.replace('/', '~1')}`

/** What the machine says of itself, and whoever places Pods there has heard it. */
async function offer(patch: readonly object[]): Promise<void> {
  const name = machine ?? ''
  const asPatch = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch)
  await stand.core.patchNodeStatus({ name, body: patch }, asPatch)
  const isThere = patch.some((one) => 'value' in one)
  const offered = async () => (await stand.core.readNode({ name })).status?.allocatable?.[resource]
  await eventually(offered, (count) => (count === '1') === isThere, 60_000)
}

const podOf = async ({ name, deploymentId }: InstanceKey) => {
  const labelSelector = `carrel.deployment=${deploymentId},carrel.name=${name}`
  const { items } = await stand.core.listNamespacedPod({ namespace: namespaces.sessions, labelSelector })
  const [pod] = items
  if (pod === undefined) throw new Error(`no Pod of ${name}`)
  return pod
}

const gone = async (key: InstanceKey) =>
  await eventually(
    () => provider.remove(refOf(key), call()),
    ({ kind }) => kind === 'removed',
    60_000,
  )

const withGpu = (key: InstanceKey): InstanceSpec => {
  const spec = serverSpec(stand, key)
  return { ...spec, resources: { ...spec.resources, gpus: 1 } }
}

test('a GPU is asked for by its name and given to one: the next waits for a machine, fails as unschedulable, and then has its turn', async () => {
  const [first, second, third] = [freshKey(deployment), freshKey(deployment), freshKey(deployment)]
  expect(made(await provider.create(withGpu(first), call()))).toBe(true)
  await eventually(() => provider.inspect(refOf(first), call()), isKind('running'), 60_000)
  const [container] = (await podOf(first)).spec?.containers ?? []
  expect(container?.resources?.limits).toMatchObject({ [resource]: '1' })
  expect(container?.resources?.requests).toEqual(container?.resources?.limits)

  // While it waits it is said to wait, for as long as the provider is told to.
  const patient = openKubernetes(stand, { gpuResource: resource, watchMs: 0, unschedulableSeconds: 600 })
  try {
    expect(made(await patient.create(withGpu(second), call()))).toBe(true)
    const waiting = await eventually(() => patient.inspect(refOf(second), call()), isKind('pending'), 60_000)
    expect(waiting).toMatchObject({ kind: 'pending' })
    await gone(second)
  } finally {
    await patient.close()
  }
  expect(await provider.create(withGpu(second), call())).toMatchObject({ kind: 'refused', code: 'unschedulable' })

  // By the template's own word for it, where the provider has none.
  const unnamed = openKubernetes(stand)
  try {
    const spec = { ...withGpu(third), terms: { kubernetes: { gpuResource: resource } } }
    expect(await unnamed.create(withGpu(third), call())).toMatchObject({ kind: 'refused', code: 'template_unfit' })
    await gone(first)
    expect(made(await unnamed.create(spec, call()))).toBe(true)
    await eventually(() => unnamed.inspect(refOf(third), call()), isKind('running'), 60_000)
  } finally {
    await unnamed.close()
  }
  await gone(third)
  expect(await stand.leftovers(deployment)).toEqual([])
}, 300_000)
