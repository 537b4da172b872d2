import { randomBytes } from 'node:crypto'
import { eventually } from '../conformance/compute-harness.ts'
import { plainTemplate } from '../setup/template.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import type { RawBackend, RealBackend } from './backend.ts'
import { namespaces, openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

/** So small that a hundred find room on a machine with two processors. */
const size = { cpuMilli: 20, memoryMib: 64, diskMib: 64, gpus: 0 }

/** The cluster that KUBECONFIG points to. */
export async function openBackend(): Promise<RealBackend> {
  const stand = await openStand()
  const common = {
    server: stand.server,
    ca: stand.ca,
    reachableFrom: [{ network: '0.0.0.0/0' }],
    stopGraceSeconds: 1,
    networkPoliciesEnforced: true,
  }
  const settings = { ...common, tokenFile: stand.tokenFile }
  const provider = { id: 'cluster', kind: 'kubernetes' as const, startLimit: 4, networks: stand.networks, settings }
  return {
    name: 'kubernetes',
    provider,
    template: {
      ...plainTemplate,
      image: stand.image,
      user: { uid: 1000, gid: 1000 },
      sizes: { small: size },
      doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
      readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
      startLimitSeconds: 120,
      // Without one nothing may be paused.
      backend: { kubernetes: { workspace: { target: '/home/desk' } } },
    },
    answers: true,
    pauses: true,
    byApi: {
      networks: [`${new URL(stand.server).hostname}/32`],
      settings: common,
      secrets: { token: stand.token },
      refusedSecrets: { token: `${stand.token.slice(0, -8)}00000000` },
    },
    async viaProxies() {
      const proxy = await createFaultProxy({ target: stand.server, targetCa: stand.ca, tls: true })
      const through = { ...settings, server: proxy.url, ca: proxy.ca, requestTimeoutMs: 4_000 }
      return { provider: { ...provider, settings: through }, proxies: [proxy] }
    },
    raw: rawPods(stand),
    close: () => stand.close(),
  }
}

/** A bare Pod, by the cluster's own client. */
function rawPods({ core, image }: KubernetesStand): RawBackend {
  const namespace = namespaces.sessions
  return {
    async start() {
      const name = `raw-${randomBytes(6).toString('hex')}`
      const limits = { cpu: `${size.cpuMilli}m`, memory: `${size.memoryMib}Mi` }
      const container = { name: 'main', image, resources: { limits, requests: limits } }
      const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [container] }
      await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } })
      const ready = async () =>
        (await core.readNamespacedPod({ namespace, name })).status?.conditions?.some(
          ({ type, status }) => type === 'Ready' && status === 'True',
        )
      await eventually(ready, (is) => is === true, 120_000)
      return name
    },
    async stop(name) {
      await core.deleteNamespacedPod({ namespace, name })
      const gone = async () =>
        await core.readNamespacedPod({ namespace, name }).then(
          () => false,
          () => true,
        )
      await eventually(gone, (is) => is, 120_000)
    },
  }
}
