import type { AccountId } from '../../../domain/ids.ts'
import type { CutAll, Done, DoorUse, Found, Listed, LiveTunnel, SessionDoors } from '../access-gateway.ts'
import { AccessUnreachable } from '../access-gateway.ts'
import type { DoorConnection } from './connections.ts'
import { Refusal, Unavailable } from './endings.ts'
import { isDeployment, nameable, namedAccount, namedTunnel, tunnelId } from './names.ts'
import type { Parts } from './parts.ts'
import type { ActiveTunnel } from './tunnels.ts'

const idOf = ({ node, identifier }: ActiveTunnel) => tunnelId(node.name, identifier)

/** What an account without the right to control has on a connection for control, it joined. */
function seen(
  tunnel: ActiveTunnel,
  connection: DoorConnection,
  accountId: AccountId | null,
  uses: readonly DoorUse[],
): LiveTunnel {
  const { sessionId, generation, door } = connection
  const controls = uses.some((use) => use.accountId === accountId && use.door === door && use.mode === 'control')
  const views = uses.some((use) => use.accountId === accountId && use.door === door && use.mode === 'view')
  const mode = accountId === null || (views && !controls) ? 'view' : connection.mode
  const { startDate: startedAt, remoteHost } = tunnel
  return { id: idOf(tunnel), sessionId, generation, door, mode, accountId, startedAt, remoteHost }
}

export async function listLive(parts: Parts, doors: SessionDoors, signal: AbortSignal): Promise<Listed> {
  if (!nameable(doors)) throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  const active = await parts.tunnels.list(signal)
  const connections = new Map((await parts.connections.of(doors, signal)).map((c) => [c.id, c]))
  const uses = await parts.accounts.usesOf(doors)
  const tunnels = active.flatMap((tunnel) => {
    const connection = connections.get(tunnel.connectionIdentifier)
    if (connection === undefined) return []
    return [seen(tunnel, connection, namedAccount(doors.deploymentId, tunnel.username ?? ''), uses)]
  })
  return { kind: 'listed', tunnels }
}

export async function kill(parts: Parts, id: string, signal: AbortSignal): Promise<Done> {
  const named = namedTunnel(id)
  if (named === null || !parts.api.nodes.some(({ name }) => name === named.node))
    throw new Refusal('rejected', 'there is no such node')
  await parts.tunnels.killAll((listed) => listed.filter((tunnel) => idOf(tunnel) === id), signal)
  return { kind: 'done' }
}

/** By the names of connections and of users; those whose connection was deleted have ours still. */
export async function cutAll(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<CutAll> {
  if (!isDeployment(deploymentId)) throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  const ended = new Set<string>()
  const mine = async (listed: readonly ActiveTunnel[]) => {
    if (listed.length === 0) return []
    const ours = new Set((await parts.connections.all(deploymentId, signal)).map(({ id }) => id))
    const found = listed.filter(
      ({ connectionIdentifier, username }) =>
        ours.has(connectionIdentifier) || namedAccount(deploymentId, username ?? '') !== null,
    )
    for (const tunnel of found) ended.add(idOf(tunnel))
    return found
  }
  await parts.tunnels.killAll(mine, signal)
  return { kind: 'cut', tunnels: ended.size }
}

/** Tunnels are listed before connections: one whose connection is not there had one, and it is deleted. */
export async function* list(parts: Parts, deploymentId: string, signal: AbortSignal): AsyncGenerator<Found> {
  try {
    if (!isDeployment(deploymentId)) throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
    const active = await parts.tunnels.list(signal)
    const connections = await parts.connections.all(deploymentId, signal)
    const names = await parts.users.names(signal)
    const doors = new Map(connections.map((c) => [`${c.sessionId} ${c.generation} ${c.door}`, c]))
    for (const { sessionId, generation, door } of doors.values())
      yield { kind: 'connection', sessionId, generation, door }
    for (const name of names) {
      const accountId = namedAccount(deploymentId, name)
      if (accountId !== null) yield { kind: 'user', accountId }
    }
    const byId = new Map(connections.map((c) => [c.id, c]))
    for (const tunnel of active) {
      const accountId = namedAccount(deploymentId, tunnel.username ?? '')
      const connection = byId.get(tunnel.connectionIdentifier)
      const { startDate: startedAt } = tunnel
      if (connection !== undefined) {
        const uses = await parts.accounts.usesOf({ ...connection, deploymentId })
        yield { kind: 'tunnel', tunnel: seen(tunnel, connection, accountId, uses) }
      } else if (accountId !== null) yield { kind: 'orphan', id: idOf(tunnel), accountId, startedAt }
    }
  } catch (error) {
    if (error instanceof Unavailable) throw new AccessUnreachable(error.message, error.retryAt)
    if (error instanceof Refusal) throw new AccessUnreachable(error.message, 0)
    throw error
  }
}
