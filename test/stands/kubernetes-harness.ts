import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createKubernetesProvider } from '../../ports/compute/kubernetes/provider.ts'
import { kubernetesSettings } from '../../ports/compute/kubernetes/settings.ts'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import type { ComputeSpecs, Facets, MountHarness } from '../conformance/compute-facets.ts'
import { call, eventually, isKind, refOf } from '../conformance/compute-harness.ts'
import type { ComputeHarness, InstanceKey } from '../conformance/compute-harness.ts'
import { httpFaults } from '../conformance/http-faults.ts'
import { manyByCreating } from '../conformance/many-by-creating.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import { namespaces, openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

export const kubernetesCan: Facets = {
  faults: true,
  mounts: true,
  swaps: false,
  http: true,
  many: true,
  pending: true,
  credentials: true,
  reports: true,
  refusals: ['backend_quota', 'unschedulable', 'template_unfit', 'start_failed'],
}

/** Projects whose sessions have a namespace of their own. */
const projectNamespaces = { ptight: namespaces.tight, pstrict: namespaces.strict }
type Project = keyof typeof projectNamespaces

/** Answers 200 on port 8080. */
export const serverSpec = (stand: KubernetesStand, key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  image: stand.image,
  secret: `secret of ${key.sessionId}`,
  resources: { sessions: 1, cpuMilli: 50, memoryMib: 64, diskMib: 64, gpus: 0 },
  user: { uid: 1000, gid: 1000, gids: [] },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
})

/** The same, in the namespace of a project. */
export const specIn = (spec: InstanceSpec, project: Project): InstanceSpec =>
  // What this file calls a project.
  ({ ...spec, projectId: project as NonNullable<InstanceSpec['projectId']> })

/** Soon decided, so that a test is soon over. */
export const quick = {
  watchMs: 8_000,
  unschedulableSeconds: 4,
  imageFailingSeconds: 3,
  stopGraceSeconds: 1,
  pageSize: 4,
  reachableFrom: [{ network: '0.0.0.0/0' }],
  projectNamespaces,
}

export function openKubernetes(
  { server, ca, tokenFile, networks }: KubernetesStand,
  settings: Readonly<Record<string, unknown>> = {},
): ComputeProvider {
  return createKubernetesProvider(kubernetesSettings.parse({ server, ca, tokenFile, ...quick, ...settings }), {
    networks,
  })
}

/** The cluster, as the conformance suite needs it. */
export async function kubernetesHarness(): Promise<ComputeHarness> {
  const stand = await openStand()
  const proxy = await createFaultProxy({ target: stand.server, targetCa: stand.ca, tls: true })
  const [provider, second, lapsing] = [openKubernetes(stand), openKubernetes(stand), openKubernetes(stand)]
  const throughProxy = { server: proxy.url, ca: proxy.ca, requestTimeoutMs: 4_000, pageSize: 50 }
  const faulty = openKubernetes(stand, throughProxy)
  const server = (key: InstanceKey) => serverSpec(stand, key)
  const shelf = await openShelf(stand, provider)
  return {
    provider,
    another: () => second,
    specs: specsOf(stand, provider),
    leftovers: stand.leftovers,
    faults: httpFaults({
      provider: faulty,
      proxies: [proxy],
      creating: (method, path) => method === 'POST' && path.includes('/secrets'),
      removing: (method, path) => method === 'DELETE' && path.includes('/pods/'),
    }),
    // Nothing runs on the machines that are none.
    many: manyByCreating(provider, (key) => ({
      ...server(key),
      terms: {
        kubernetes: { nodeSelector: { 'stand.local/node': 'fake' }, tolerations: [{ operator: 'Exists' }] },
      },
    })),
    credentials: {
      provider: lapsing,
      renewed: false,
      // The cluster does not say whether a token is over or was never one.
      lapse: () => writeFile(stand.tokenFile, `${stand.token.slice(0, -8)}00000000`),
      restore: () => writeFile(stand.tokenFile, stand.token),
    },
    mounts: shelf.harness,
    pageSize: 4,
    printed: 'listen',
    limits: { startMs: 60_000, imageMissingMs: 20_000, refusedMs: 30_000, boundedMs: 30_000 },
    async close() {
      await shelf.close()
      for (const each of [provider, second, lapsing, faulty]) await each.close()
      await proxy.close()
      await stand.close()
    },
  }
}

function specsOf(stand: KubernetesStand, provider: ComputeProvider): ComputeSpecs {
  const server = (key: InstanceKey) => serverSpec(stand, key)
  return {
    server,
    exiting: (key, exitCode) => ({ ...server(key), environment: { ECHO_CRASH: `10ms:${exitCode}` } }),
    outOfMemory(key) {
      void eatMemory(provider, key).catch(() => undefined)
      return server(key)
    },
    missingImage: (key) => ({ ...server(key), image: 'registry.invalid/carrel/none:1' }),
    // Nothing on its machine mounts such a volume.
    pending: (key) => ({
      ...server(key),
      mounts: [{ volume: { kind: 'csi', driver: 'csi.none.example' }, target: '/data', mode: 'ro' }],
    }),
    refused: {
      backend_quota: (key) => ({
        ...specIn(server(key), 'ptight'),
        resources: { ...server(key).resources, diskMib: 64 * 1_024 },
        terms: { kubernetes: { workspace: { target: '/home/desk' } } },
      }),
      unschedulable: (key) => ({
        ...server(key),
        terms: { kubernetes: { nodeSelector: { 'carrel/machine': 'none' } } },
      }),
      template_unfit: (key) => ({
        ...specIn(server(key), 'pstrict'),
        mounts: [{ volume: { kind: 'nfs', server: '192.0.2.1', path: '/export' }, target: '/data', mode: 'ro' }],
      }),
      // The image's own user is root.
      start_failed: (key) => ({ ...server(key), user: null }),
    },
  }
}

/** Lets the program of an instance take more than it asked for, as soon as it answers. */
async function eatMemory(provider: ComputeProvider, key: InstanceKey): Promise<void> {
  const state = await eventually(() => provider.inspect(refOf(key), call()), isKind('running'), 60_000)
  const at = state.kind === 'running' ? state.endpoints[0] : undefined
  await delay(100)
  await fetch(`http://${at?.host}:${at?.hostPort}/eat?mib=512`, { method: 'POST', signal: AbortSignal.timeout(30_000) })
}

/** A claim beside the sessions, with a file in it. */
async function openShelf(
  stand: KubernetesStand,
  provider: ComputeProvider,
): Promise<{ readonly harness: MountHarness; close(): Promise<void> }> {
  const { core } = stand
  const [namespace, name, marker] = [namespaces.sessions, `shelf-${process.pid}`, 'for this session']
  const metadata = { name, labels: { 'app.kubernetes.io/part-of': 'carrel-test' } }
  await core.createNamespacedPersistentVolumeClaim({
    namespace,
    body: {
      metadata,
      spec: {
        accessModes: ['ReadWriteMany'],
        storageClassName: 'immediate',
        resources: { requests: { storage: '8Mi' } },
      },
    },
  })
  const at = async (ref: Parameters<ComputeProvider['inspect']>[0]) => {
    const state = await eventually(() => provider.inspect(ref, call()), isKind('running'), 60_000)
    const endpoint = state.kind === 'running' ? state.endpoints[0] : undefined
    return `http://${endpoint?.host}:${endpoint?.hostPort}`
  }
  return {
    harness: {
      async safe() {
        await core.createNamespacedPod({ namespace, body: writerPod(stand.image, metadata) })
        const ip = async () => (await core.readNamespacedPod({ namespace, name })).status?.podIP ?? ''
        const host = await eventually(ip, (found) => found !== '', 60_000)
        const write = async () =>
          await fetch(`http://${host}:8080/file?p=/shelf/marker`, { method: 'POST', body: marker }).then(
            ({ ok }) => ok,
            () => false,
          )
        await eventually(write, (ok) => ok, 60_000)
        await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 1 })
        return { source: { volume: { kind: 'claim', claim: name } }, marker }
      },
      async read(ref, target) {
        const answer = await fetch(`${await at(ref)}/file?p=${target}/marker`)
        return answer.ok ? await answer.text() : null
      },
      async write(ref, target) {
        const answer = await fetch(`${await at(ref)}/file?p=${target}/marker`, { method: 'POST', body: 'other' })
        return await answer.text()
      },
    },
    async close() {
      await core.deleteNamespacedPersistentVolumeClaim({ namespace, name })
    },
  }
}

const writerPod = (image: string, metadata: { readonly name: string; readonly labels: Record<string, string> }) => ({
  metadata,
  spec: {
    restartPolicy: 'Never',
    containers: [{ name: 'writer', image, volumeMounts: [{ name: 'shelf', mountPath: '/shelf' }] }],
    volumes: [{ name: 'shelf', persistentVolumeClaim: { claimName: metadata.name } }],
  },
})
