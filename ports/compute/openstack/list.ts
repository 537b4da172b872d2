import { identityOf, marks, markWords } from '../marks.ts'
import type { Identity } from '../marks.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { InstanceRef, InstanceState, ObservedInstance } from '../provider.ts'
import { CloudError } from './cloud-error.ts'
import { noServer } from './inspect.ts'
import { descriptionOf, identityByName, nameIn, volumeFilterOf, volumeNameIn } from './names.ts'
import { pages } from './pages.ts'
import { floatingPage, groupPage, portPage, serverPage, volumePage } from './shapes.ts'
import type { Port } from './shapes.ts'
import { serverState } from './states.ts'
import type { Ground } from './surroundings.ts'

/**
 * Every instance of the deployment, also one of which only what stands around a server is there. Servers are listed first: one that
 * is being made meanwhile shows its security group. One call per page, and none per instance.
 */
export async function* listInstances(
  ground: Ground,
  deploymentId: string,
  networks: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ObservedInstance> {
  const seen = new Set<string>()
  try {
    const query = { tags: markWords(deploymentId).join(',') }
    const asked = { query, limit: ground.settings.pageSize }
    for await (const servers of pages(ground.api, 'compute', '/servers/detail', serverPage, signal, asked))
      for (const server of servers) {
        const identity = identityOf(server.metadata)
        // Of two by one name, as after a race that is not over, the instance is told once.
        if (identity === null || identity.deploymentId !== deploymentId || seen.has(identity.name)) continue
        seen.add(identity.name)
        yield observed(identity, { server: server.id }, serverState(server, networks))
      }
    for await (const name of remains(ground, deploymentId, signal)) {
      const identity = seen.has(name) ? null : identityByName(name, deploymentId)
      seen.add(name)
      if (identity !== null) yield observed(identity, undefined, { kind: 'pending', reason: noServer })
    }
  } catch (error) {
    throw new ProviderUnreachable(error instanceof CloudError ? error.message : 'the list could not be read')
  }
}

/** The names of instances of which something stands around a server, each as often as there are such things. */
async function* remains({ api, settings }: Ground, deploymentId: string, signal: AbortSignal): AsyncGenerator<string> {
  const limit = settings.pageSize
  const { projectId: project_id } = await api.token(signal)
  const query = { description: descriptionOf(deploymentId), project_id, fields: ['id', 'name', 'description'] }
  const withName = { query, limit }
  for await (const groups of pages(api, 'network', '/security-groups', groupPage, signal, withName))
    yield* namesOf(groups, query.description)
  for await (const ports of pages(api, 'network', '/ports', portPage, signal, withName))
    yield* namesOf(ports, query.description)
  if (settings.floatingNetwork !== undefined)
    for await (const found of pages(api, 'network', '/floatingips', floatingPage, signal, {
      query: { project_id },
      limit,
    }))
      for (const { description } of found) yield* some(nameIn(description, deploymentId))
  if (await api.has('volume', signal))
    for await (const volumes of pages(api, 'volume', '/volumes/detail', volumePage, signal, {
      query: { metadata: volumeFilterOf({ deploymentId }) },
      limit,
    }))
      for (const { metadata } of volumes)
        if (metadata[marks.deployment] === deploymentId) yield* some(volumeNameIn(metadata))
}

/** Of those that are the deployment's: a cloud that does not know the filter answers with everybody's. */
const namesOf = (found: readonly Pick<Port, 'name' | 'description'>[], ours: string): readonly string[] =>
  found.filter(({ description }) => description === ours).map(({ name }) => name)

const some = (name: string | null): readonly string[] => (name === null ? [] : [name])

function observed(
  { name, deploymentId, ...of }: Identity,
  ids: InstanceRef['ids'],
  state: InstanceState,
): ObservedInstance {
  return { ref: { name, deploymentId, ...(ids === undefined ? {} : { ids }) }, ...of, state }
}
