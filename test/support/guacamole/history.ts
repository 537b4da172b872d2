import { json, notFound } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may } from './database.ts'
import type { Visit } from './database.ts'
import type { DataRequest } from './requests.ts'

const view = ({ connectionId, connectionName, ...visit }: Visit) => ({
  startDate: visit.startDate,
  endDate: visit.endDate,
  remoteHost: visit.remoteHost,
  username: visit.username,
  active: visit.active,
  identifier: visit.id,
  uuid: visit.uuid,
  attributes: {},
  logs: {},
  connectionIdentifier: connectionId,
  connectionName,
  sharingProfileIdentifier: null,
  sharingProfileName: null,
})

/** Never more than 1000, newest first; there are no pages. */
function shown({ state, user, query }: DataRequest, of: (visit: Visit) => boolean): Visit[] {
  const contains = query.get('contains') ?? ''
  return state.db.visits
    .filter((visit) => of(visit))
    .filter(
      ({ username, connectionId }) =>
        isAdmin(user) ||
        username === user.name ||
        (connectionId !== null && may(state.db, user, 'connectionPermissions', connectionId, 'READ')),
    )
    .filter((visit) => visit.connectionName.includes(contains) || visit.username.includes(contains))
    .toSorted((a, b) => b.startDate - a.startDate)
    .slice(0, 1000)
}

export const connectionHistory = (request: DataRequest): Answer => json(shown(request, () => true).map(view))

export function historyOf(request: DataRequest): Answer {
  const { state, user, names } = request
  const id = names[0] ?? ''
  if (!state.db.connections.has(id) || !may(state.db, user, 'connectionPermissions', id, 'READ')) throw notFound(id)
  return json(shown(request, (visit) => visit.connectionId === id).map(view))
}

/** The double keeps one line per tunnel; the real one has one per login, of the same shape. */
export const userHistory = (request: DataRequest): Answer =>
  json(
    shown(request, () => true).map((visit) => {
      const { startDate, endDate, remoteHost, username, active, id: identifier, uuid } = visit
      return { startDate, endDate, remoteHost, username, active, identifier, uuid, attributes: {}, logs: {} }
    }),
  )
