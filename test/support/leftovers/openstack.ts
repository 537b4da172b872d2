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
type Found = z.output<typeof objects>[number]
const more = z.array(z.object({ rel: z.string() })).default([])
const isNext = ({ rel }: { readonly rel: string }): boolean => rel === 'next'
const atOnce = 500

/**
 * Everything of the deployment in the project: servers by their tag, all of Neutron's and Cinder's that speaks of it. `names`: of its
 * instances; Nova marks the image of one that was shelved with nothing else.
 */
export async function openstackLeftovers(
  raw: RawCloud,
  deploymentId: string,
  names: readonly string[] = [],
): Promise<string[]> {
  const ofNeutron = async (kind: 'ports' | 'security_groups' | 'floatingips') => {
    const all = await listed(raw, 'network', `/${kind.replace('_', '-')}?project_id=${raw.projectId}`, kind)
    const ours = all.filter(({ description }) => (description ?? '').includes(deploymentId))
    return ours.map(({ name, description }) => `${kind} ${name ?? description}`)
  }
  const volumes = async () => {
    if (!raw.has('volume')) return []
    const all = await listed(raw, 'volume', '/volumes/detail?', 'volumes')
    return all.flatMap(({ id, metadata }) => (metadata?.['carrel.deployment'] === deploymentId ? [`volume ${id}`] : []))
  }
  const images = async () => {
    if (names.length === 0) return []
    const shelved = new Set<unknown>(names.map((name) => `${name}-shelved`))
    const all = await listed(raw, 'image', `/images?owner=${raw.projectId}`, 'images')
    return all.flatMap(({ name }) => (shelved.has(name) ? [`image ${name}`] : []))
  }
  const tag = encodeURIComponent(`carrel.deployment=${deploymentId}`)
  const servers = async () =>
    (await listed(raw, 'compute', `/servers/detail?tags=${tag}`, 'servers')).map(
      ({ name, id }) => `server ${name ?? id}`,
    )
  const all = [
    servers(),
    ofNeutron('ports'),
    ofNeutron('security_groups'),
    ofNeutron('floatingips'),
    volumes(),
    images(),
  ]
  return (await Promise.all(all)).flat()
}

/** A whole list, page by page, each asked for by the last one's last id. `path` has a query already. */
async function listed(raw: RawCloud, service: Service, path: string, kind: string): Promise<Found[]> {
  const found: Found[] = []
  for (let marker = '', isMore = true; isMore;) {
    const { status, body } = await raw.call(service, 'GET', `${path}&limit=${atOnce}${marker}`)
    if (status !== 200) throw new Error(`the cloud does not list its ${kind}: ${status}`)
    const page = body as Record<string, unknown>
    const items = objects.parse(page[kind])
    found.push(...items)
    marker = `&marker=${items.at(-1)?.id}`
    // Glance says it with an address, the others with links.
    isMore = items.length > 0 && (page['next'] !== undefined || more.parse(page[`${kind}_links`]).some(isNext))
  }
  return found
}

/** The same in a provider's project, as whom its settings say. */
export async function leftoversInCloud(
  settings: unknown,
  deploymentId: string,
  names: readonly string[],
): Promise<string[]> {
  const raw = await openRawCloud(openstackSettings.parse(settings))
  try {
    return await openstackLeftovers(raw, deploymentId, names)
  } finally {
    await raw.close()
  }
}
