import { persist } from './api.ts'
import type { Api } from './api.ts'
import { Refusal } from './endings.ts'
import { madeId } from './groups.ts'
import { profileName } from './names.ts'
import { credentialsShape, profilesShape, tokenShape } from './shapes.ts'
import type { PlacedToken } from './tokens.ts'
import type { Tunnels } from './tunnels.ts'

/** Joining somebody's open connection without touching anything, for protocols that allow no second connection. */
export interface Views {
  /**
   * Lets the account's token join the oldest tunnel of this connection at its node; the key, by which the joined one is
   * addressed. It dies with that tunnel. Throws `Refusal` where there is no tunnel to join.
   */
  join(connectionId: string, token: PlacedToken, signal: AbortSignal): Promise<string>
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
    async join(connectionId, token, signal) {
      const profile = await ensureProfile(connectionId, signal)
      const open = (await tunnels.list(signal))
        .filter(({ node, connectionIdentifier }) => node === token.node && connectionIdentifier === connectionId)
        .toSorted((a, b) => a.startDate - b.startDate)
      for (const { identifier } of open) {
        // Guests are in the list, too; a key is made for the primary alone, and a guest's is gone with the guest.
        const path = `activeConnections/${identifier}/sharingCredentials/${profile}`
        const credentials = await api.readAt(token.node, path, credentialsShape, signal)
        if (credentials === null) continue
        const { key } = credentials.values
        const form = { key, token: token.value }
        const reply = await token.node.plain({ method: 'POST', path: 'tokens', form }, signal)
        if (reply.status !== 200) throw api.unavailable(`joining was answered ${reply.status}`)
        const { authToken } = api.understood(reply, tokenShape)
        if (authToken === token.value) return key
        // The token had died: the key alone made another, of nobody.
        await token.node.plain({ method: 'DELETE', path: `tokens/${authToken}` }, signal)
        throw api.unavailable('the token ended meanwhile')
      }
      throw new Refusal('nothing_to_view', 'nobody has this door open')
    },
  }
}
