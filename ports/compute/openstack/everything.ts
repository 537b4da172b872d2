import type { InstanceRef } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import type { Looks } from './looks.ts'
import type { Names } from './names.ts'
import { imagePage, serverAlone } from './shapes.ts'
import type { Floating, Group, Image, Port, Server, Volume } from './shapes.ts'
import type { Ground } from './surroundings.ts'

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

/**
 * Asks all services at once, but of what has neither a server nor a security group, which is made first and goes last, there is nothing
 * else. Throws `CloudError` where one of them does not answer: what is missing then means nothing.
 */
export async function lookFor(looks: Looks, names: Names, signal: AbortSignal): Promise<Remains> {
  const [present, groups] = await Promise.all([looks.present(names, signal), looks.groups(names, signal)])
  if (present.length + groups.length === 0) return { servers: [], ports: [], floatings: [], volumes: [], groups }
  const [servers, around] = await Promise.all([looks.servers(names, signal), lookAround(looks, names, signal)])
  return { servers, ...around }
}

/** What is there of it without its servers. Throws as `lookFor`. */
export async function lookAround(looks: Looks, names: Names, signal: AbortSignal): Promise<Surroundings> {
  const [ports, floatings, volumes, groups] = await Promise.all([
    looks.ports(names, signal),
    looks.floatings(names, signal),
    looks.volumes(names, signal),
    looks.groups(names, signal),
  ])
  return { ports, floatings, volumes, groups }
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
export async function findServer(
  { api, looks }: Pick<Ground, 'api' | 'looks'>,
  ref: InstanceRef,
  signal: AbortSignal,
): Promise<Server | null> {
  const [listed] = await looks.servers(ref, signal)
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

/**
 * The images that Nova made of the instance's disk to shelve it, and forgot: a server that is deleted on its way to rest leaves its
 * image to nobody. Of known servers alone, for another deployment may use the name. Throws `CloudError`.
 */
export async function forgottenImages(
  api: CloudApi,
  { name }: Names,
  servers: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Image[]> {
  const { projectId: owner } = await api.token(signal)
  const ofServer = async (instance_uuid: string) => {
    const wanted = { name: `${name}-shelved`, owner, instance_uuid }
    const found = await api.get('image', '/images', imagePage, signal, { query: wanted })
    return found.filter((image) => image.instance_uuid === instance_uuid && image.name === wanted.name)
  }
  return (await Promise.all([...servers].map(ofServer))).flat()
}
