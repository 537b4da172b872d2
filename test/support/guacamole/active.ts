import { badRequest, denied, json, notFound, nothing, translatable } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may } from './database.ts'
import { patchesIn } from './requests.ts'
import type { DataRequest } from './requests.ts'
import type { Tunnel } from './tunnels.ts'

/** How much of a tunnel the asker sees: `names` for an administrator and its owner, `bare` with READ alone. */
function sight({ state, user }: DataRequest, tunnel: Tunnel): 'names' | 'bare' | 'nothing' {
  if (isAdmin(user)) return 'names'
  const reads = may(state.db, user, 'connectionPermissions', tunnel.connectionId, 'READ')
  if (!reads) return 'nothing'
  return tunnel.login.user === user ? 'names' : 'bare'
}

export function listActive(request: DataRequest): Answer {
  const entries = [...request.state.tunnels.values()].flatMap((tunnel) => {
    const seen = sight(request, tunnel)
    if (seen === 'nothing') return []
    const full = seen === 'names'
    const { uuid: identifier, connectionId: connectionIdentifier, startDate } = tunnel
    const remoteHost = full ? tunnel.remoteHost : null
    const username = full ? tunnel.login.username : null
    return [[identifier, { identifier, connectionIdentifier, startDate, remoteHost, username, connectable: full }]]
  })
  return json(Object.fromEntries(entries))
}

/** What is not seen is answered like what is gone; what still connects is answered like what was killed. */
export function patchActive(request: DataRequest): Answer {
  const javaType = 'org.apache.guacamole.rest.activeconnection.APIActiveConnection'
  const patches: Record<string, unknown>[] = []
  for (const { op, path } of patchesIn(request, javaType)) {
    const identifier = path.slice(1)
    const tunnel = request.state.tunnels.get(identifier)
    const seen = tunnel === undefined ? 'nothing' : sight(request, tunnel)
    const refused = op !== 'remove' ? `Not found: "${identifier}"` : seen === 'bare' ? 'Permission denied.' : null
    if (refused !== null) {
      const failed = { op, identifier, path, error: translatable(refused) }
      throw badRequest('The provided patches failed to apply.', { patches: [...patches, failed] })
    }
    if (seen === 'names' && tunnel?.phase === 'open') tunnel.end(1000, '0')
    patches.push({ op, identifier, path })
  }
  return json({ patches })
}

export function deleteActive(request: DataRequest): Answer {
  const uuid = request.names[0] ?? ''
  const tunnel = request.state.tunnels.get(uuid)
  const seen = tunnel === undefined ? 'nothing' : sight(request, tunnel)
  if (tunnel === undefined || seen === 'nothing') throw notFound(uuid)
  if (seen === 'bare') throw denied()
  if (tunnel.phase === 'open') tunnel.end(1000, '0')
  return nothing
}

/** The tunnels of the login itself. */
export const ownTunnels = ({ state, login }: DataRequest): Answer =>
  json([...state.tunnels.values()].filter((tunnel) => tunnel.login === login).map((tunnel) => tunnel.uuid))
