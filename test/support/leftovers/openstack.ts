import { z } from 'zod'
import type { Service } from '../../../ports/compute/openstack/catalog.ts'
import { openstackSettings } from '../../../ports/compute/openstack/settings.ts'
import { openRawCloud } from '../openstack/raw-cloud.ts'
import type { RawCloud } from '../openstack/raw-cloud.ts'

const objects = z.array(
  z.object({
    id: z.string(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
  }),
)
const kinds = ['ports', 'security_groups', 'floatingips'] as const

/** Everything of the deployment in the project: servers by their tag, all of Neutron's and Cinder's that speaks of it. */
export async function openstackLeftovers(raw: RawCloud, deploymentId: string): Promise<string[]> {
  const list = async (service: Service, path: string, kind: string) => {
    const { status, body } = await raw.call(service, 'GET', path)
    if (status !== 200) throw new Error(`the cloud does not list its ${kind}: ${status}`)
    return objects.parse((body as Record<string, unknown>)[kind])
  }
  const ofNeutron = async (kind: (typeof kinds)[number]) => {
    const all = await list('network', `/${kind.replace('_', '-')}?project_id=${raw.projectId}`, kind)
    const ours = all.filter(({ description }) => (description ?? '').includes(deploymentId))
    return ours.map(({ name, description }) => `${kind} ${name ?? description}`)
  }
  const volumes = async () => {
    if (!raw.has('volume')) return []
    const all = await list('volume', '/volumes/detail', 'volumes')
    return all.flatMap(({ id, metadata }) => (metadata?.['carrel.deployment'] === deploymentId ? [`volume ${id}`] : []))
  }
  const tag = encodeURIComponent(`carrel.deployment=${deploymentId}`)
  const servers = async () =>
    (await list('compute', `/servers/detail?tags=${tag}`, 'servers')).map(({ name, id }) => `server ${name ?? id}`)
  return (await Promise.all([servers(), ...kinds.map(ofNeutron), volumes()])).flat()
}

/** The same in a provider's project, as whom its settings say. */
export async function leftoversInCloud(settings: unknown, deploymentId: string): Promise<string[]> {
  const raw = await openRawCloud(openstackSettings.parse(settings))
  try {
    return await openstackLeftovers(raw, deploymentId)
  } finally {
    await raw.close()
  }
}
