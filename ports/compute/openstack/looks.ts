import { markWords } from '../marks.ts'
import type { CloudApi, Query } from './api.ts'
import { descriptionOf, fullDescriptionOf, volumeFilterOf } from './names.ts'
import { everything } from './pages.ts'
import { floatingPage, groupPage, portPage, presentPage, serverPage, volumePage } from './shapes.ts'
import type { Floating, Group, Page, Port, Present, Server, Volume } from './shapes.ts'
import { together } from './together.ts'
import type { Look } from './together.ts'

/** One instance has a handful of each, so that one page is mostly all. */
const limit = 200
/** Who waits for a change learns of it so much later at most. */
const stillRestMs = 500

/**
 * What there is of one instance, of each kind; the looks of many go together. A cloud that does not know a filter answers with all of the
 * project's, also with other people's: what is not the instance's own is left out here.
 */
export interface Looks {
  /** Those that stand before those that go or failed, and the oldest of them first: whoever asks takes the same. */
  readonly servers: Look<Server>
  /** That there are any, by their names: all that Nova tells without asking Neutron about each of them. */
  readonly present: Look<Present>
  /** The same of those that have this status. */
  readonly still: Readonly<Record<Passing, Look<Present>>>
  readonly groups: Look<Group>
  readonly ports: Look<Port>
  readonly floatings: Look<Floating>
  /** None where there is no Cinder. */
  readonly volumes: Look<Volume>
}

/** The statuses that a server leaves on its ordinary ways: as it starts, comes to rest and wakes. */
export type Passing = 'BUILD' | 'ACTIVE' | 'SHELVED' | 'SHELVED_OFFLOADED'

export function createLooks(api: CloudApi): Looks {
  const servers = together<Server>(async (deploymentId, names, signal) => {
    const query = tagged(deploymentId, names)
    const found = await everything(api, 'compute', '/servers/detail', serverPage, signal, { query, limit })
    found.sort((a, b) => rank(a) - rank(b) || a.created.localeCompare(b.created) || a.id.localeCompare(b.id))
    const ofName = (name: string) =>
      found.filter(({ tags }) => markWords(deploymentId, name).every((word) => tags.includes(word)))
    return names.flatMap((name) => ofName(name).map((server) => [name, server] as const))
  })
  const briefly = (having: Query, restMs?: number) =>
    together<Present>(async (deploymentId, names, signal) => {
      const query = { ...tagged(deploymentId, names), ...having }
      const found = await everything(api, 'compute', '/servers', presentPage, signal, { query, limit })
      // One whose name was changed may be anybody's: then each of them looks closer.
      return found.flatMap((server) =>
        (names.includes(server.name) ? [server.name] : names).map((name) => [name, server] as const),
      )
    }, restMs)
  const named = <T extends Group | Port>(path: string, page: Page<T>) =>
    together<T>(async (deploymentId, names, signal) => {
      const description = descriptionOf(deploymentId)
      const query = { name: names, description, project_id: await projectId(signal) }
      const found = await everything(api, 'network', path, page, signal, { query, limit })
      return byId(found.filter((thing) => thing.description === description)).map(
        (thing) => [thing.name, thing] as const,
      )
    })
  const floatings = together<Floating>(async (deploymentId, names, signal) => {
    const descriptions = new Map(names.map((name) => [fullDescriptionOf({ name, deploymentId }), name]))
    const query: Query = { description: [...descriptions.keys()], project_id: await projectId(signal) }
    const found = await everything(api, 'network', '/floatingips', floatingPage, signal, { query, limit })
    return byId(found).flatMap((floating) => {
      const name = descriptions.get(floating.description)
      return name === undefined ? [] : [[name, floating] as const]
    })
  })
  const projectId = async (signal: AbortSignal) => (await api.token(signal)).projectId

  return {
    servers,
    present: briefly({}),
    still: {
      BUILD: briefly({ status: 'BUILD' }, stillRestMs),
      ACTIVE: briefly({ status: 'ACTIVE' }, stillRestMs),
      SHELVED: briefly({ status: 'SHELVED' }, stillRestMs),
      SHELVED_OFFLOADED: briefly({ status: 'SHELVED_OFFLOADED' }, stillRestMs),
    },
    groups: named('/security-groups', groupPage),
    ports: named('/ports', portPage),
    floatings,
    // Cinder's filter is of one instance's words.
    async volumes(names, signal) {
      if (!(await api.has('volume', signal))) return []
      const query = { metadata: volumeFilterOf(names) }
      const found = await everything(api, 'volume', '/volumes/detail', volumePage, signal, { query, limit })
      const wanted = Object.entries(JSON.parse(query.metadata) as Record<string, string>)
      return byId(found.filter(({ metadata }) => wanted.every(([key, value]) => metadata[key] === value)))
    },
  }
}

const tagged = (deploymentId: string, names: readonly string[]): Query => ({
  tags: markWords(deploymentId).join(),
  'tags-any': names.flatMap((name) => markWords(deploymentId, name).slice(1)).join(),
})

/** A server that was just asked for, as Nova would tell it. */
export const begun = (id: string): Server => ({
  id,
  status: 'BUILD',
  created: '',
  metadata: {},
  addresses: {},
  'OS-EXT-STS:task_state': '',
  'OS-SRV-USG:launched_at': '',
})

export const isGoing = (server: Server): boolean => /deleting/.test(server['OS-EXT-STS:task_state'])
const rank = (server: Server) => (isGoing(server) ? 2 : server.status === 'ERROR' ? 1 : 0)

const byId = <T extends { readonly id: string }>(found: readonly T[]): T[] =>
  [...found].sort((a, b) => a.id.localeCompare(b.id))
