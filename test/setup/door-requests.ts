import { randomBytes } from 'node:crypto'
import { newId } from '../../domain/ids.ts'
import type { SessionId, TunnelId } from '../../domain/ids.ts'
import type { Ask, Person, TestApi } from './api.ts'

/** Something that somebody has open into a session, past all gateways. */
export async function openTunnelOf(api: TestApi, sessionId: SessionId, who: Person): Promise<TunnelId> {
  const token = await api.db.selectFrom('token').select('id').where('account_id', '=', who.id).executeTakeFirstOrThrow()
  const [passId, id] = [newId('pass'), newId('tunnel')]
  await api.db
    .insertInto('door_pass')
    .values({
      id: passId,
      hash: randomBytes(32),
      session_id: sessionId,
      door: 'web',
      mode: 'control',
      account_id: who.id,
      token_id: token.id,
      host: 'web.test',
      expires_at: new Date(Date.now() + 60_000),
    })
    .execute()
  await api.db
    .insertInto('tunnel')
    .values({
      id,
      pass_id: passId,
      session_id: sessionId,
      gateway_id: 'g1',
      kind: 'websocket',
      remote_address: '192.0.2.1',
    })
    .execute()
  return id
}

interface World {
  readonly owner: Person
  readonly sessionId: string
}
type Request = () => Promise<{ path: string; ask?: Ask }> | { path: string; ask?: Ask }

/** Requests about the doors of a session that nothing but rights would refuse, on fresh things where they use them up. */
export function doorRequests(api: () => TestApi, world: () => World): Readonly<Record<string, Request>> {
  const session = () => `/v1/sessions/${world().sessionId}`
  // The world's sessions come from the api itself.
  const sessionId = () => world().sessionId as SessionId
  return {
    getConnections: () => ({ path: `${session()}/connections` }),
    listLiveTunnels: () => ({ path: `${session()}/connections/live` }),
    cutTunnel: async () => ({
      path: `${session()}/connections/live/${await openTunnelOf(api(), sessionId(), world().owner)}`,
    }),
    listCollaborators: () => ({ path: `${session()}/collaborators` }),
    putCollaborator: async () => {
      // Other requests have asked it to stop.
      const goesOn = { stop_requested_at: null, stop_reason: null }
      await api().db.updateTable('session').set(goesOn).where('id', '=', sessionId()).execute()
      return {
        path: `${session()}/collaborators/${(await api().person()).id}`,
        ask: { body: { mode: 'view' }, headers: { 'if-match': '*' } },
      }
    },
    removeCollaborator: async () => {
      const { id } = await api().person()
      const guest = { session_id: sessionId(), account_id: id, mode: 'view' as const }
      await api().db.insertInto('collaborator').values(guest).execute()
      return { path: `${session()}/collaborators/${id}` }
    },
  }
}
