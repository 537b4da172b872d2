import { attributeNames } from './connections.ts'
import { createDatabase, permissionsOf } from './database.ts'
import type { Connection, Kind, User } from './database.ts'
import type { Bindings } from './likeness.ts'
import { startNode } from './node.ts'
import type { Login } from './node-state.ts'
import { enterTunnel } from './tunnels.ts'
import type { Tunnel } from './tunnels.ts'

/** A double with what the recorded exchanges take for given: its words are those of the recording. */
export async function createReplayStage() {
  const bindings: Bindings = new Map([
    ['<admin-password>', 'admin-secret'],
    ['<user-password>', 'user-secret'],
    ['<user-password-2>', 'user-secret-2'],
    ['<vnc-password>', 'vnc-secret'],
    ['<unknown-token>', 'F'.repeat(64)],
    ['<base64 of name:password>', Buffer.from('guacadmin:admin-secret').toString('base64')],
    ['<name of 128 characters>', 'n'.repeat(128)],
    ['<name of 129 characters>', 'n'.repeat(129)],
    ['<encrypted-json>', 'b64-of-an-encrypted-blob'],
  ])
  const db = createDatabase({ username: 'guacadmin', password: 'admin-secret' })
  const node = await startNode(db)
  const { state } = node

  const user = (name: string): User =>
    db.users.get(name) ?? db.addUser(name, 'user-secret', { 'guac-full-name': 'Student 17' })
  const stage = {
    bindings,
    db,
    node,
    user,
    /** Logs the user in, and lets the placeholder stand for the token. */
    login(placeholder: string, name: string): Login {
      const found = user(name)
      const login = state.login({ username: name, user: found, previousLogin: found.lastActive })
      found.lastActive = Date.now()
      bindings.set(placeholder, login.token)
      return login
    },
    connection(id: string, name: string, parent = '1', parameters: Record<string, string> = {}): Connection {
      db.skipTo('connection', Number(id))
      const attributes = Object.fromEntries(attributeNames.map((attribute) => [attribute, null]))
      const made = { id, parent, name, protocol: 'vnc', parameters, attributes, lastActive: null }
      db.connections.set(id, made)
      return made
    },
    grant(name: string, kind: Kind, id: string) {
      permissionsOf(user(name).grants, kind, id).add('READ')
    },
    /** Opens a tunnel of the login that the placeholder stands for; `as` then stands for the tunnel. */
    open(placeholder: string, connectionId: string, as: string, key: string | null = null): Tunnel {
      const login = state.find(bindings.get(placeholder))
      if (login === undefined) throw new Error(`no login ${placeholder}`)
      const tunnel = enterTunnel(state, { login, connectionId, key, remoteHost: '127.0.0.1', close: () => {} })
      tunnel.opened()
      bindings.set(as, tunnel.uuid)
      return tunnel
    },
    endAll() {
      for (const tunnel of [...state.tunnels.values()]) tunnel.end(1000, '0')
    },
    async close() {
      await node.stop('crash')
    },
  }
  return stage
}
export type ReplayStage = Awaited<ReturnType<typeof createReplayStage>>
