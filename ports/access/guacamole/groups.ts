import type { Api } from './api.ts'
import { persist } from './api.ts'
import { groupName } from './names.ts'
import { madeShape, parametersShape, treeShape } from './shapes.ts'
import type { ConnectionShape, TreeShape } from './shapes.ts'

/** The deployment's connection group, made once; several of its name, which races in the root leave, become one. */
export interface Groups {
  /** Its id; remembered. */
  ensure(deploymentId: string, signal: AbortSignal): Promise<string>
  /** To be looked up again: it was not where it should be. */
  forget(deploymentId: string): void
  /** The connections in all groups of its name; none where there is no group. */
  connections(deploymentId: string, signal: AbortSignal): Promise<readonly ConnectionShape[]>
}

const root = 'ROOT'

export function createGroups(api: Api): Groups {
  const known = new Map<string, string>()
  const making = new Map<string, Promise<string>>()
  const never = new AbortController().signal

  /** All groups of the name, oldest first: everybody takes the first. */
  async function named(deploymentId: string, signal: AbortSignal): Promise<readonly TreeShape[]> {
    const tree = await api.read(`connectionGroups/${root}/tree`, treeShape, signal)
    if (tree === null) throw api.unavailable('the data source is not there')
    return tree.childConnectionGroups
      .filter(({ name }) => name === groupName(deploymentId))
      .toSorted((a, b) => Number(a.identifier) - Number(b.identifier))
  }

  async function make(deploymentId: string): Promise<string> {
    const [first, ...others] = await persist(api, 'the connection group', never, async () => {
      const found = await named(deploymentId, never)
      if (found.length > 0) return found
      const value = { parentIdentifier: root, name: groupName(deploymentId), type: 'ORGANIZATIONAL', attributes: {} }
      await api.change({ method: 'POST', path: 'connectionGroups', json: value }, never)
      // Read back even after a success: others may have made one at the same moment.
      const now = await named(deploymentId, never)
      return now.length > 0 ? now : null
    })
    if (first === undefined) throw api.unavailable('the connection group is not there')
    for (const other of others) await merge(other, first.identifier)
    known.set(deploymentId, first.identifier)
    return first.identifier
  }

  /** Moves what is in a second group of the name, then removes it if nothing came meanwhile. */
  async function merge(other: TreeShape, into: string): Promise<void> {
    for (const connection of other.childConnections) {
      const parameters = await api.read(`connections/${connection.identifier}/parameters`, parametersShape, never)
      if (parameters === null) continue
      const { name, protocol } = connection
      const whole = { parentIdentifier: into, name, protocol, parameters, attributes: {} }
      const path = `connections/${connection.identifier}`
      const moved = await api.change({ method: 'PUT', path, json: whole }, never)
      if (moved.kind === 'duplicate') await api.change({ method: 'DELETE', path }, never)
    }
    const left = await api.read(`connectionGroups/${other.identifier}/tree`, treeShape, never)
    if (left !== null && left.childConnections.length === 0 && left.childConnectionGroups.length === 0)
      await api.change({ method: 'DELETE', path: `connectionGroups/${other.identifier}` }, never)
  }

  return {
    forget: (deploymentId) => void known.delete(deploymentId),
    async ensure(deploymentId, signal) {
      const id = known.get(deploymentId)
      if (id !== undefined) return id
      const begun = making.get(deploymentId) ?? make(deploymentId).finally(() => making.delete(deploymentId))
      making.set(deploymentId, begun)
      const made = await begun
      if (signal.aborted) throw api.unavailable('cancelled')
      return made
    },
    connections: async (deploymentId, signal) =>
      (await named(deploymentId, signal)).flatMap(({ childConnections }) => childConnections),
  }
}

/** The id in the answer to something made. */
export const madeId = (api: Api, reply: { readonly status: number; readonly body: unknown }): string =>
  api.understood(reply, madeShape).identifier
