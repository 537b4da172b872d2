import { badRequest, denied, internal, json, notFound, nothing } from './answers.ts'
import type { Answer } from './answers.ts'
import { connectionView } from './connections.ts'
import { isAdmin, may, own, root } from './database.ts'
import type { Group } from './database.ts'
import { objectIn, textOf, textsOf } from './requests.ts'
import type { DataRequest } from './requests.ts'

const kind = 'connectionGroupPermissions'
const none = { 'max-connections': null, 'max-connections-per-user': null, 'enable-session-affinity': '' }
const type = 'ORGANIZATIONAL'

const seesGroup = ({ state: { db }, user }: DataRequest, id: string) => may(db, user, kind, id, 'READ')

function view(group: Group | typeof root): Record<string, unknown> {
  if (group === root) return { name: root, identifier: root, type, activeConnections: 0, attributes: {} }
  const { name, id: identifier, parent: parentIdentifier, attributes } = group
  return { name, identifier, parentIdentifier, type, activeConnections: 0, attributes }
}

function readable(request: DataRequest, id: string): Group | typeof root {
  if (id === root) return root
  const group = request.state.db.groups.get(id)
  if (group === undefined || !seesGroup(request, id)) throw notFound(id)
  return group
}

export const getGroup = (request: DataRequest): Answer => json(view(readable(request, request.names[0] ?? '')))

/** The group with all below it that the user may read; lists are absent where they would be empty. */
export function getTree(request: DataRequest): Answer {
  return json(tree(request, readable(request, request.names[0] ?? '')))
}

function tree(request: DataRequest, group: Group | typeof root): Record<string, unknown> {
  const { db } = request.state
  const id = group === root ? root : group.id
  const groups = [...db.groups.values()].filter((g) => g.parent === id && seesGroup(request, g.id))
  const connections = [...db.connections.values()].filter(
    (c) => c.parent === id && may(db, request.user, 'connectionPermissions', c.id, 'READ'),
  )
  return {
    ...view(group),
    ...(groups.length > 0 ? { childConnectionGroups: groups.map((g) => tree(request, g)) } : {}),
    ...(connections.length > 0 ? { childConnections: connections.map((c) => connectionView(request, c)) } : {}),
  }
}

/** In the root, those that race all pass the check and are all made. */
export async function postGroup(request: DataRequest): Promise<Answer> {
  const { state, user } = request
  const { db } = state
  const sent = objectIn(request)
  const attributes = textsOf(sent.attributes)
  const name = textOf(sent.name) ?? ''
  if (name.trim() === '') throw badRequest('Connection group names must not be blank.')
  if (textOf(sent.type) === null) throw internal()
  const parent = textOf(sent.parentIdentifier) ?? root
  if (!isAdmin(user) && !user.grants.system.has('CREATE_CONNECTION_GROUP')) throw denied()
  if (parent !== root && db.groups.has(parent) && !may(db, user, kind, parent, 'UPDATE')) throw denied()
  const taken = () => [...db.groups.values()].filter((g) => g.parent === parent && g.name === name).length
  if (taken() > 1) throw internal()
  if (taken() === 1) throw badRequest(`The connection group "${name}" already exists.`)
  await db.gap()
  if (name.length > 128 || (parent !== root && (!db.groups.has(parent) || taken() > 0))) throw internal()
  const id = db.nextId('group')
  db.groups.set(id, { id, parent, name, attributes: { ...none } })
  own(user, kind, id)
  return json({ name, identifier: id, parentIdentifier: parent, type, activeConnections: 0, attributes })
}

/** Takes the connections inside along. */
export function deleteGroup(request: DataRequest): Answer {
  const group = readable(request, request.names[0] ?? '')
  if (group === root) throw internal()
  if (!may(request.state.db, request.user, kind, group.id, 'DELETE')) throw denied()
  request.state.db.removeGroup(group.id)
  return nothing
}
