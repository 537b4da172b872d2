import { persist } from './api.ts'
import type { Api } from './api.ts'
import { Refusal } from './endings.ts'
import { madeId } from './groups.ts'
import { profileName } from './names.ts'
import { credentialsShape, profilesShape, tokenShape } from './shapes.ts'
import type { PlacedToken } from './tokens.ts'
import type { ActiveTunnel, Tunnels } from './tunnels.ts'

/** Joining somebody's open connection without touching anything, for protocols that allow no second connection. */
export interface Views {
  /** The tunnels of this connection, oldest first. Throws `Refusal` where there is none to join. */
  primaries(connectionId: string, signal: AbortSignal): Promise<readonly [ActiveTunnel, ...ActiveTunnel[]]>
  /** Lets the token, which lives at its node, join this tunnel; the key by which the joined one is addressed. It dies with it. */
  join(primary: ActiveTunnel, token: PlacedToken, signal: AbortSignal): Promise<string>
}

export const sharedSource = (dataSource: string): string => `${dataSource}-shared`

export function createViews(api: Api, tunnels: Tunnels): Views {
  async function ensureProfile(connectionId: string, signal: AbortSignal): Promise<string> {
    return await persist(api, 'the sharing profile', signal, async () => {
      const json = {
        primaryConnectionIdentifier: connectionId,
        name: profileName,
        parameters: { 'read-only': 'true' },
        attributes: {},
      }
      const made = await api.change({ method: 'POST', path: 'sharingProfiles', json }, signal)
      if (made.kind === 'done') return madeId(api, made.reply)
      const all = await api.read(`connections/${connectionId}/sharingProfiles`, profilesShape, signal)
      return Object.values(all ?? {}).find(({ name }) => name === profileName)?.identifier ?? null
    })
  }

  return {
    async primaries(connectionId, signal) {
      const [first, ...others] = (await tunnels.list(signal))
        .filter(({ connectionIdentifier }) => connectionIdentifier === connectionId)
        .toSorted((a, b) => a.startDate - b.startDate)
      if (first === undefined) throw new Refusal('nothing_to_view', 'nobody has this door open')
      return [first, ...others]
    },
    async join({ node, identifier, connectionIdentifier }, token, signal) {
      const profile = await ensureProfile(connectionIdentifier, signal)
      const path = `activeConnections/${identifier}/sharingCredentials/${profile}`
      const credentials = await api.readAt(node, path, credentialsShape, signal)
      if (credentials === null) throw new Refusal('nothing_to_view', 'nobody has this door open any more')
      const { key } = credentials.values
      const form = { key, token: token.value }
      const reply = await token.node.plain({ method: 'POST', path: 'tokens', form }, signal)
      // Alive, but of a user that was removed: the next opening gets another.
      if (reply.status === 403) await token.node.plain({ method: 'DELETE', path: `tokens/${token.value}` }, signal)
      if (reply.status !== 200) throw api.unavailable(`joining was answered ${reply.status}`)
      const { authToken } = api.understood(reply, tokenShape)
      if (authToken === token.value) return key
      // The token had died: the key alone made another, of nobody.
      await token.node.plain({ method: 'DELETE', path: `tokens/${authToken}` }, signal)
      throw api.unavailable('the token ended meanwhile')
    },
  }
}
