import { badRequest, denied, internal, json, notFound, nothing, tooLong, translatable, Refused } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may, own, root } from './database.ts'
import type { Attributes, Connection } from './database.ts'
import { given, kept, objectIn, patchesIn, record, textOf, textsOf } from './requests.ts'
import type { DataRequest } from './requests.ts'

export const attributeNames = [
  'guacd-encryption',
  'failover-only',
  'weight',
  'max-connections',
  'guacd-hostname',
  'guacd-port',
  'max-connections-per-user',
] as const
const numeric = new Set(['weight', 'max-connections', 'guacd-port', 'max-connections-per-user'])
const kind = 'connectionPermissions'

/** What is stored of the attributes sent: unknown ones vanish, values of the wrong kind are null, and so is what is absent. */
function storedAttributes(sent: Attributes): Attributes {
  return Object.fromEntries(
    attributeNames.map((name) => {
      const value = sent[name] ?? null
      if (value === null || value === '') return [name, null]
      if (numeric.has(name)) return [name, /^\d+$/.test(value) ? value : null]
      if (name === 'guacd-encryption') return [name, ['none', 'ssl'].includes(value) ? value : null]
      return [name, value]
    }),
  )
}
const echoed = (sent: Attributes): Attributes =>
  Object.fromEntries(Object.entries(sent).filter(([name]) => attributeNames.some((known) => known === name)))

/** A connection as every list shows it: never its parameters. */
export function connectionView(request: DataRequest, c: Connection): Record<string, unknown> {
  const { id: identifier, name, parent: parentIdentifier, protocol, attributes, lastActive } = c
  const activeConnections = [...request.state.tunnels.values()].filter((tunnel) => tunnel.connectionId === c.id).length
  const seen = { name, identifier, parentIdentifier, protocol, attributes, activeConnections }
  return lastActive === null ? seen : { ...seen, lastActive }
}

function readable({ state: { db }, user }: DataRequest, id: string): Connection {
  const connection = db.connections.get(id)
  if (connection === undefined || !may(db, user, kind, id, 'READ')) throw notFound(id)
  return connection
}
const allowed = ({ state: { db }, user }: DataRequest, id: string, permission: string) => {
  if (!may(db, user, kind, id, permission)) throw denied()
}
const namedOf = ({ names }: DataRequest) => names[0] ?? ''

export const getConnection = (request: DataRequest): Answer =>
  json(connectionView(request, readable(request, namedOf(request))))

export function listConnections(request: DataRequest): Answer {
  const { state, user } = request
  const seen = [...state.db.connections.values()].filter((c) => may(state.db, user, kind, c.id, 'READ'))
  return json(Object.fromEntries(seen.map((c) => [c.id, connectionView(request, c)])))
}

export function getParameters(request: DataRequest): Answer {
  const { state, user } = request
  const connection = readable(request, namedOf(request))
  if (!may(state.db, user, kind, connection.id, 'UPDATE'))
    throw denied('Permission to read connection parameters denied.')
  return json(connection.parameters)
}

export async function postConnection(request: DataRequest): Promise<Answer> {
  return json(await create(request, objectIn(request)))
}

/** Makes one; the answer echoes what was sent, secrets too, and not what is stored. */
async function create(request: DataRequest, sent: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { state, user } = request
  const { db } = state
  const attributes = textsOf(sent.attributes)
  const name = nameOf(sent)
  const parent = textOf(sent.parentIdentifier) ?? root
  if (!isAdmin(user) && !user.grants.system.has('CREATE_CONNECTION')) throw denied()
  if (parent !== root && db.groups.has(parent) && !may(db, user, 'connectionGroupPermissions', parent, 'UPDATE'))
    throw denied()
  refuseTaken(request, parent, name, null)
  if (parent !== root && !/^\d+$/.test(parent)) throw internal()
  const protocol = textOf(sent.protocol)
  if (name.length > 128) throw internal()
  await db.gap()
  if (protocol === null || (parent !== root && !db.groups.has(parent))) {
    db.nextId('connection')
    throw internal()
  }
  // Only in a group does the database itself forbid a second one of the same name.
  if (parent !== root && taken(request, parent, name, null) > 0) throw internal()
  const parameters = given(sent.parameters) ? kept(textsOf(sent.parameters)) : {}
  refuseTooLong(parameters)
  const id = db.nextId('connection')
  if (Object.keys(parameters).some((parameter) => parameter.length > 128)) throw internal()
  db.connections.set(id, {
    id,
    parent,
    name,
    protocol,
    parameters,
    attributes: storedAttributes(attributes),
    lastActive: null,
  })
  own(user, kind, id)
  return {
    name,
    identifier: id,
    ...(given(sent.parentIdentifier) ? { parentIdentifier: parent } : {}),
    protocol,
    ...(given(sent.parameters) ? { parameters: textsOf(sent.parameters) } : {}),
    attributes: echoed(attributes),
    activeConnections: 0,
  }
}

function nameOf(sent: Record<string, unknown>): string {
  const name = textOf(sent.name)
  if (name === null || name.trim() === '') throw badRequest('Connection names must not be blank.')
  return name
}
function refuseTooLong(parameters: Record<string, string>): void {
  for (const [name, value] of Object.entries(parameters)) if (value.length > 4096) throw tooLong(name, 4096)
}
const taken = ({ state }: DataRequest, parent: string, name: string, except: string | null): number =>
  [...state.db.connections.values()].filter((c) => c.parent === parent && c.name === name && c.id !== except).length
function refuseTaken(request: DataRequest, parent: string, name: string, except: string | null): void {
  const count = taken(request, parent, name, except)
  if (count > 1) throw internal()
  if (count === 1) throw badRequest(`The connection "${name}" already exists.`)
}

/** Replaces the whole: without parent it moves to the root, without a parameter that parameter is gone. */
export async function putConnection(request: DataRequest): Promise<Answer> {
  const { db } = request.state
  const sent = objectIn(request)
  const connection = readable(request, namedOf(request))
  allowed(request, connection.id, 'UPDATE')
  const attributes = textsOf(sent.attributes)
  const name = nameOf(sent)
  const parent = textOf(sent.parentIdentifier) ?? root
  refuseTaken(request, parent, name, connection.id)
  const parameters = kept(textsOf(sent.parameters))
  refuseTooLong(parameters)
  const protocol = textOf(sent.protocol)
  if (protocol === null || (parent !== root && !db.groups.has(parent))) throw internal()
  await db.gap()
  Object.assign(connection, { name, parent, protocol, parameters, attributes: storedAttributes(attributes) })
  return nothing
}

export async function deleteConnection(request: DataRequest): Promise<Answer> {
  const id = readable(request, namedOf(request)).id
  allowed(request, id, 'DELETE')
  await request.state.db.gap()
  request.state.db.removeConnection(id)
  return nothing
}

/** All or nothing. Removing what is not there succeeds. */
export async function patchConnections(request: DataRequest): Promise<Answer> {
  const { db } = request.state
  const made: string[] = []
  const patches: Record<string, unknown>[] = []
  let failed = false
  for (const { op, path, value } of patchesIn(request, 'org.apache.guacamole.rest.connection.APIConnection')) {
    const identifier = op === 'remove' ? path.slice(1) : null
    try {
      if (op === 'remove') {
        patches.push({ op, identifier, path })
        if (db.connections.has(path.slice(1))) allowed(request, path.slice(1), 'DELETE')
        db.removeConnection(path.slice(1))
      } else {
        const { identifier: id } = await create(request, record(value))
        made.push(String(id))
        patches.push({ op, identifier: id, path })
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const { message } = record(error.answer.body)
      patches.push({ op, identifier, path, error: translatable(String(message)) })
      failed = true
      break
    }
  }
  if (!failed) return json({ patches })
  for (const id of made) db.removeConnection(id)
  throw badRequest('The provided patches failed to apply.', {
    patches: patches.map((patch) => ({ ...patch, identifier: patch.op === 'add' ? null : patch.identifier })),
  })
}
