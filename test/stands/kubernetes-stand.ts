import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig, KubernetesObjectApi, PatchStrategy } from '@kubernetes/client-node'
import type { KubernetesObject } from '@kubernetes/client-node'
import { parseAllDocuments } from 'yaml'
import { kubernetesLeftovers } from '../support/leftovers/kubernetes.ts'

/** Where sessions go; where the cluster has a small quota; where it enforces the level `restricted`. */
export const namespaces = { sessions: 'carrel-sessions', tight: 'carrel-tight', strict: 'carrel-strict' } as const

/** A cluster that KUBECONFIG points to, as its administrator sees it, and a way in that has the shipped Role and no more. */
export interface KubernetesStand {
  /** The administrator's own. */
  readonly kubeconfig: string
  /** Whether the administrator is known there by a certificate. */
  readonly byCertificate: boolean
  readonly server: string
  readonly ca: string
  /** Of a service account that may do what `deploy/kubernetes/role.yaml` says. */
  readonly tokenFile: string
  readonly token: string
  readonly image: string
  readonly networks: string[]
  readonly core: CoreV1Api
  /** Everything of the deployment in the cluster, by the cluster's own client. */
  leftovers(deploymentId: string): Promise<readonly string[]>
  close(): Promise<void>
}

const account = { name: 'carrel-shipped', namespace: 'carrel-system' }

/**
 * Reads `KUBECONFIG` (an administrator's), `CARREL_STAND_KUBERNETES_IMAGE` (a web server on port 8080, as any user) and
 * `CARREL_STAND_KUBERNETES_NETWORKS` (where Pods and Services are reached). The namespaces must be there.
 */
export async function openStand(env: NodeJS.ProcessEnv = process.env): Promise<KubernetesStand> {
  const kubeconfig = env['KUBECONFIG'] ?? ''
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const cluster = config.getCurrentCluster()
  if (cluster?.caData === undefined) throw new Error('KUBECONFIG names no cluster with its authority')
  const core = config.makeApiClient(CoreV1Api)
  await grantShippedRole(KubernetesObjectApi.makeApiClient(config))
  const body = { spec: { audiences: [], expirationSeconds: 4 * 3_600 } }
  const { status } = await core.createNamespacedServiceAccountToken({ ...account, body })
  const token = status?.token ?? ''
  const directory = await mkdtemp(join(tmpdir(), 'carrel-kubernetes-'))
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, token, { mode: 0o600 })
  return {
    kubeconfig,
    byCertificate: config.getCurrentUser()?.certData !== undefined,
    server: cluster.server,
    ca: Buffer.from(cluster.caData, 'base64').toString(),
    tokenFile,
    token,
    image: env['CARREL_STAND_KUBERNETES_IMAGE'] ?? 'stand.local/echo:1',
    networks: (env['CARREL_STAND_KUBERNETES_NETWORKS'] ?? '10.251.0.0/16').split(','),
    core,
    leftovers: (deploymentId) => kubernetesLeftovers(config, Object.values(namespaces), deploymentId),
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

/** Role and binding as they are shipped, in each namespace, for a service account that nobody granted anything else. */
async function grantShippedRole(api: KubernetesObjectApi): Promise<void> {
  const text = await readFile(new URL('../../deploy/kubernetes/role.yaml', import.meta.url), 'utf8')
  // As the cluster checks them.
  const shipped = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject)
  const own = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account }
  const granted = Object.values(namespaces).flatMap((namespace) =>
    shipped
      .filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding')
      .map((one) => ({
        ...one,
        metadata: { name: account.name, namespace },
        ...(one.kind === 'Role'
          ? {}
          : {
              roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account.name },
              subjects: [{ kind: 'ServiceAccount', ...account }],
            }),
      })),
  )
  for (const one of [own, ...granted])
    await api.patch(one, undefined, undefined, 'carrel-test', true, PatchStrategy.ServerSideApply)
}
