import { badRequest, denied, internal, json, notFound, nothing, unsupported } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may, own } from './database.ts'
import type { Attributes, User } from './database.ts'
import { objectIn, textOf, textsOf } from './requests.ts'
import type { DataRequest } from './requests.ts'

const kind = 'userPermissions'
const profileNames = ['guac-email-address', 'guac-organizational-role', 'guac-full-name', 'guac-organization'] as const
const accountNames = [
  'expired',
  'timezone',
  'access-window-start',
  'access-window-end',
  'valid-until',
  'valid-from',
] as const
const known: readonly string[] = [...profileNames, ...accountNames]
const dates = new Set(['valid-until', 'valid-from'])

/** Who may change a user sees all its attributes, others the four of its profile. */
function view(user: User, names: readonly string[], lastActive: number | null): Record<string, unknown> {
  const attributes = Object.fromEntries(names.map((name) => [name, user.attributes[name] ?? null]))
  const seen = { username: user.name, disabled: user.disabled, attributes }
  return lastActive === null ? seen : { ...seen, lastActive }
}
const namesFor = ({ state: { db }, user }: DataRequest, name: string) =>
  may(db, user, kind, name, 'UPDATE') ? known : profileNames

/** The login's user as it was when it logged in: being disabled or deleted since does not show. */
export function getSelf({ login, user }: DataRequest): Answer {
  return json(view({ ...user, disabled: false }, profileNames, login.previousLogin))
}

function readable({ state: { db }, user, names }: DataRequest): User {
  const name = names[0] ?? ''
  const found = db.users.get(name)
  if (found === undefined || !may(db, user, kind, name, 'READ')) throw notFound(name)
  return found
}

export function getUser(request: DataRequest): Answer {
  const found = readable(request)
  return json(view(found, namesFor(request, found.name), found.lastActive))
}

export function listUsers(request: DataRequest): Answer {
  const { state, user } = request
  const seen = [...state.db.users.values()].filter((u) => may(state.db, user, kind, u.name, 'READ'))
  return json(Object.fromEntries(seen.map((u) => [u.name, view(u, namesFor(request, u.name), u.lastActive)])))
}

/** What is stored of the attributes sent; a date that is none is dropped silently. */
function stored(sent: Attributes): Attributes {
  const entries = Object.entries(sent).filter(([name]) => known.includes(name))
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (value === null || value === '') return [name, null]
      return [name, dates.has(name) && !/^\d{4}-\d\d-\d\d$/.test(value) ? null : value]
    }),
  )
}

/** The answer echoes the password and `disabled`; the latter is not stored. */
export async function postUser({ state: { db }, user, ...request }: DataRequest): Promise<Answer> {
  const sent = objectIn(request)
  const attributes = textsOf(sent.attributes)
  const [name, password] = [textOf(sent.username), textOf(sent.password)]
  if (!isAdmin(user) && !user.grants.system.has('CREATE_USER')) throw denied()
  if (name === null) throw internal()
  if (name.trim() === '') throw badRequest('The username must not be blank.')
  if (db.users.has(name)) throw badRequest(`User "${name}" already exists.`)
  await db.gap()
  if (name.length > 128 || db.users.has(name)) throw internal()
  db.addUser(name, password, stored(attributes))
  own(user, kind, name)
  return json({
    username: name,
    ...(password === null ? {} : { password }),
    disabled: sent.disabled === true,
    attributes: Object.fromEntries(Object.entries(attributes).filter(([a]) => known.includes(a))),
  })
}

/** Replaces all but the attributes and the password that are not named: without `disabled` the user is enabled. */
export function putUser(request: DataRequest): Answer {
  const sent = objectIn(request)
  const found = readable(request)
  if (!may(request.state.db, request.user, kind, found.name, 'UPDATE')) throw denied()
  const attributes = textsOf(sent.attributes)
  if (textOf(sent.username) === null) throw internal()
  const password = textOf(sent.password)
  if (password !== null) found.password = password
  found.disabled = textOf(sent.disabled) === 'true'
  found.attributes = { ...found.attributes, ...stored(attributes) }
  return nothing
}

export function putPassword(request: DataRequest): Answer {
  const sent = objectIn(request)
  const found = readable(request)
  const changes = may(request.state.db, request.user, kind, found.name, 'UPDATE')
  if (!changes || textOf(sent.oldPassword) !== found.password) throw denied()
  found.password = textOf(sent.newPassword)
  return nothing
}

export function deleteUser(request: DataRequest): Answer {
  const found = readable(request)
  if (found.name === request.login.username) throw unsupported('Deleting your own user is not allowed.')
  if (!may(request.state.db, request.user, kind, found.name, 'DELETE')) throw denied()
  request.state.db.removeUser(found.name)
  return nothing
}
