import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { everything } from './pages.ts'
import { Refusal } from '../refusal.ts'
import { flavorPage, groupPage, imageAlone, imagePage, networkPage } from './shapes.ts'
import type { Flavor, Image, Network } from './shapes.ts'

/** What settings and templates call by name, and the cloud by id. */
export interface Named {
  /** `null` for a name that is none, or is more than one. */
  network(name: string, signal: AbortSignal): Promise<Network | null>
  /** The id of a security group; `null` as for a network. */
  group(name: string, signal: AbortSignal): Promise<string | null>
  /** The flavour's id. Throws `Refusal`. */
  flavor(name: string, signal: AbortSignal): Promise<string>
  /** Throws `Refusal`. */
  image(name: string, signal: AbortSignal): Promise<string>
}

const keptMs = 300_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What was found is kept for some minutes; what was not is looked for each time. */
export function createNamed(api: CloudApi): Named {
  const kept = new Map<string, { readonly until: number; readonly value: unknown }>()
  async function remembered<T>(key: string, find: () => Promise<T>): Promise<T> {
    const known = kept.get(key)
    // What stands under a key was put there by the same `find`.
    if (known !== undefined && known.until > Date.now()) return known.value as T
    const value = await find()
    if (value === null) return value
    kept.set(key, { until: Date.now() + keptMs, value })
    return value
  }
  return {
    network: (name, signal) => remembered(`network ${name}`, () => findNetwork(api, name, signal)),
    group: (name, signal) => remembered(`group ${name}`, () => findGroup(api, name, signal)),
    // Not kept: others of the same name take the place of both, and a create that names an old id is refused for good.
    flavor: (name, signal) => findFlavor(api, name, signal),
    image: (name, signal) => findImage(api, name, signal),
  }
}

async function findNetwork(api: CloudApi, name: string, signal: AbortSignal): Promise<Network | null> {
  const query = uuid.test(name) ? { id: name } : { name }
  const found = await api.get('network', '/networks', networkPage, signal, { query })
  const [network, another] = found.filter((n) => n.id === name || n.name === name)
  return network === undefined || another !== undefined ? null : network
}

async function findGroup(api: CloudApi, name: string, signal: AbortSignal): Promise<string | null> {
  const { projectId: project_id } = await api.token(signal)
  const query = uuid.test(name) ? { id: name } : { name, project_id }
  const { items } = await api.get('network', '/security-groups', groupPage, signal, { query })
  const [group, another] = items.filter((g) => g.id === name || g.name === name)
  return group === undefined || another !== undefined ? null : group.id
}

export const allFlavors = async (api: CloudApi, signal: AbortSignal): Promise<Flavor[]> =>
  await everything(api, 'compute', '/flavors', flavorPage, signal, { limit: 500 })

/** By its name, or else by its id; `null`: there is none. */
export const flavorCalled = (all: readonly Flavor[], name: string): Flavor | null =>
  all.find((f) => f.name === name) ?? all.find((f) => f.id === name) ?? null

async function findFlavor(api: CloudApi, name: string, signal: AbortSignal): Promise<string> {
  const flavor = flavorCalled(await allFlavors(api, signal), name)
  if (flavor === null) throw new Refusal('template_unfit', `nova: no flavor ${name}`)
  return flavor.id
}

async function findImage(api: CloudApi, name: string, signal: AbortSignal): Promise<string> {
  const all = await imagesCalled(api, name, signal)
  const { projectId } = await api.token(signal)
  const image = all.find(({ id, status }) => id === name && status === 'active') ?? pickImage(all, projectId)
  if (image !== null) return image.id
  const [other] = all
  const why = other === undefined ? 'no image' : `${other.status} or another's: image`
  throw new Refusal('image_missing', `glance: ${why} ${name}`)
}

async function imagesCalled(api: CloudApi, name: string, signal: AbortSignal): Promise<readonly Image[]> {
  try {
    // By its id also one that is in no list of this project's.
    if (uuid.test(name)) return [await api.get('image', `/images/${name}`, imageAlone, signal)]
    // Glance tells 25 where no number is named.
    const query = { name, sort: 'created_at:desc', limit: 500 }
    return (await api.get('image', '/images', imagePage, signal, { query })).filter((image) => image.name === name)
  } catch (error) {
    // Glance calls a name that it cannot have a wrong request.
    const isMissing = error instanceof CloudError && error.told && error.status === (uuid.test(name) ? 404 : 400)
    throw isMissing ? new Refusal('image_missing', error.message) : error
  }
}

/**
 * Of several by one name the project's own goes before a public one, and the newest before older ones. One that somebody else
 * shared is taken by its id alone: anybody may give theirs any name.
 */
export function pickImage(found: readonly Image[], projectId: string): Image | null {
  const usable = found.filter(({ status }) => status === 'active')
  const own = usable.filter(({ owner }) => owner === projectId)
  const open = usable.filter(({ visibility }) => visibility === 'public')
  const newest = (images: readonly Image[]) =>
    [...images].sort((a, b) => b.created_at.localeCompare(a.created_at))[0] ?? null
  return newest(own) ?? newest(open)
}
