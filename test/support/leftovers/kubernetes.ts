import { CoreV1Api, KubeConfig, NetworkingV1Api } from '@kubernetes/client-node'
import type { KubernetesObject } from '@kubernetes/client-node'
import { openAccess } from '../../../ports/compute/kubernetes/access.ts'
import { allNamespaces } from '../../../ports/compute/kubernetes/find.ts'
import { kubernetesSettings } from '../../../ports/compute/kubernetes/settings.ts'

/** Everything of the deployment in these namespaces, by the cluster's own client. */
export async function kubernetesLeftovers(
  config: KubeConfig,
  namespaces: readonly string[],
  deploymentId: string,
): Promise<string[]> {
  const [core, networking] = [config.makeApiClient(CoreV1Api), config.makeApiClient(NetworkingV1Api)]
  const labelSelector = `carrel.deployment=${deploymentId}`
  const found = await Promise.all(
    namespaces.flatMap((namespace) => {
      const where = { namespace, labelSelector }
      return [
        named('pod', core.listNamespacedPod(where)),
        named('secret', core.listNamespacedSecret(where)),
        named('service', core.listNamespacedService(where)),
        named('claim', core.listNamespacedPersistentVolumeClaim(where)),
        named('policy', networking.listNamespacedNetworkPolicy(where)),
      ]
    }),
  )
  return found.flat()
}

/** The same where a provider's sessions live, as whom its settings say. */
export async function leftoversInCluster(settings: unknown, deploymentId: string): Promise<string[]> {
  const parsed = kubernetesSettings.parse(settings)
  const { server, tls, token: tokenOfNow } = await openAccess(parsed)
  const token = await tokenOfNow()
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    {
      name: 'cluster',
      server,
      skipTLSVerify: false,
      ...(tls.ca === undefined ? {} : { caData: base64(tls.ca) }),
      ...(tls.servername === undefined ? {} : { tlsServerName: tls.servername }),
    },
    {
      name: 'user',
      ...(token === null ? {} : { token }),
      ...(tls.cert === undefined ? {} : { certData: base64(tls.cert) }),
      ...(tls.key === undefined ? {} : { keyData: base64(tls.key) }),
    },
  )
  return await kubernetesLeftovers(config, allNamespaces(parsed), deploymentId)
}

async function named(what: string, list: Promise<{ readonly items: readonly KubernetesObject[] }>): Promise<string[]> {
  return (await list).items.map(({ metadata }) => `${what} ${metadata?.namespace}/${metadata?.name}`)
}
