import type { InstanceRef } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { markWords } from '../marks.ts'
import { descriptionOf, fullDescriptionOf, volumeFilterOf } from './names.ts'
import { everything } from './pages.ts'
import { floatingPage, groupPage, portPage, serverAlone, serverPage, volumePage } from './shapes.ts'
import type { Floating, Group, Port, Server, Volume } from './shapes.ts'

type Names = Pick<InstanceRef, 'name' | 'deploymentId'>

/** One instance has a handful of each, so that one page is all. */
const limit = 50

/** What stands around the server of one instance. */
export interface Surroundings {
  readonly ports: readonly Port[]
  readonly floatings: readonly Floating[]
  readonly volumes: readonly Volume[]
  readonly groups: readonly Group[]
}

/** All that is there of one instance. */
export interface Remains extends Surroundings {
  readonly servers: readonly Server[]
}

/** Asks all services at once. Throws `CloudError` where one of them does not answer: what is missing then means nothing. */
export async function lookFor(api: CloudApi, names: Names, signal: AbortSignal): Promise<Remains> {
  const [servers, around] = await Promise.all([findServers(api, names, signal), lookAround(api, names, signal)])
  return { servers, ...around }
}

/** The same, without asking for servers. */
export async function lookAround(api: CloudApi, names: Names, signal: AbortSignal): Promise<Surroundings> {
  const [ports, floatings, volumes, groups] = await Promise.all([
    findPorts(api, names, signal),
    findFloatings(api, names, signal),
    findVolumes(api, names, signal),
    findGroups(api, names, signal),
  ])
  return { ports, floatings, volumes, groups }
}

/** Those that stand before those that go or failed, and the oldest of them first: whoever asks takes the same. */
export async function findServers(api: CloudApi, names: Names, signal: AbortSignal): Promise<Server[]> {
  const query = { tags: markWords(names.deploymentId, names.name).join(',') }
  const found = await everything(api, 'compute', '/servers/detail', serverPage, signal, { query, limit })
  return found.sort((a, b) => rank(a) - rank(b) || a.created.localeCompare(b.created) || a.id.localeCompare(b.id))
}

/**
 * The server of that id, also one that lists keep silent about: deleted and kept in case it was a mistake, or of a cell that is down.
 * `null` only where Nova itself says that it is gone. Throws `CloudError`.
 */
export async function serverById(api: CloudApi, id: string, signal: AbortSignal): Promise<Server | null> {
  try {
    const server = await api.get('compute', `/servers/${id}`, serverAlone, signal)
    return server.status === 'DELETED' ? null : server
  } catch (error) {
    if (error instanceof CloudError && error.gone) return null
    throw error
  }
}

/** The instance's server: the first of the list, or the one that is known, where the list has none. Throws `CloudError`. */
export async function findServer(api: CloudApi, ref: InstanceRef, signal: AbortSignal): Promise<Server | null> {
  const [listed] = await findServers(api, ref, signal)
  if (listed !== undefined) return listed
  const id = ref.ids?.['server']
  return id === undefined ? null : await serverById(api, id, signal)
}

/** The server with its fault, which lists may leave out. Throws `CloudError`. */
export async function withFault(api: CloudApi, server: Server, signal: AbortSignal): Promise<Server> {
  if (server.status !== 'ERROR' || server.fault !== undefined) return server
  const whole = await api.get('compute', `/servers/${server.id}`, serverAlone, signal)
  return { ...whole, fault: whole.fault ?? { message: '' } }
}

export const isGoing = (server: Server): boolean => /deleting/.test(server['OS-EXT-STS:task_state'])
const rank = (server: Server) => (isGoing(server) ? 2 : server.status === 'ERROR' ? 1 : 0)

const named = async ({ name, deploymentId }: Names, api: CloudApi, signal: AbortSignal) => ({
  query: { name, description: descriptionOf(deploymentId), project_id: (await api.token(signal)).projectId },
  limit,
})

export async function findGroups(api: CloudApi, names: Names, signal: AbortSignal): Promise<Group[]> {
  const asked = await named(names, api, signal)
  return byId(await everything(api, 'network', '/security-groups', groupPage, signal, asked))
}

export async function findPorts(api: CloudApi, names: Names, signal: AbortSignal): Promise<Port[]> {
  return byId(await everything(api, 'network', '/ports', portPage, signal, await named(names, api, signal)))
}

export async function findFloatings(api: CloudApi, names: Names, signal: AbortSignal): Promise<Floating[]> {
  const description = fullDescriptionOf(names)
  const query = { description, project_id: (await api.token(signal)).projectId }
  const found = await everything(api, 'network', '/floatingips', floatingPage, signal, { query, limit })
  // A cloud that does not know the filter answers with all of the project's, also with other people's.
  return byId(found.filter((floating) => floating.description === description))
}

/** None where there is no Cinder. */
export async function findVolumes(api: CloudApi, names: Names, signal: AbortSignal): Promise<Volume[]> {
  if (!(await api.has('volume', signal))) return []
  const query = { metadata: volumeFilterOf(names) }
  const found = await everything(api, 'volume', '/volumes/detail', volumePage, signal, { query, limit })
  const wanted = Object.entries(JSON.parse(query.metadata) as Record<string, string>)
  return byId(found.filter(({ metadata }) => wanted.every(([key, value]) => metadata[key] === value)))
}

const byId = <T extends { readonly id: string }>(found: readonly T[]): T[] =>
  [...found].sort((a, b) => a.id.localeCompare(b.id))
