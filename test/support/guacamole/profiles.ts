import { badRequest, denied, internal, json, notFound, nothing } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may, own } from './database.ts'
import type { Profile } from './database.ts'
import { given, kept, objectIn, textOf, textsOf } from './requests.ts'
import type { DataRequest } from './requests.ts'

const kind = 'sharingProfilePermissions'

const view = (profile: Profile) => ({
  name: profile.name,
  identifier: profile.id,
  primaryConnectionIdentifier: profile.primary,
  attributes: {},
})
function readable({ state: { db }, user, names }: DataRequest): Profile {
  const profile = db.profiles.get(names[0] ?? '')
  if (profile === undefined || !may(db, user, kind, profile.id, 'READ')) throw notFound(names[0] ?? '')
  return profile
}

/** The one directory that does without `attributes`. */
export async function postProfile(request: DataRequest): Promise<Answer> {
  const { state, user } = request
  const { db } = state
  const sent = objectIn(request)
  const [name, primary] = [textOf(sent.name) ?? '', textOf(sent.primaryConnectionIdentifier) ?? '']
  if (!isAdmin(user) && !user.grants.system.has('CREATE_SHARING_PROFILE')) throw denied()
  const taken = () => [...db.profiles.values()].some((p) => p.primary === primary && p.name === name)
  if (taken()) throw badRequest(`The sharing profile "${name}" already exists.`)
  await db.gap()
  if (taken() || !db.connections.has(primary)) throw internal()
  const parameters = given(sent.parameters) ? textsOf(sent.parameters) : {}
  const id = db.nextId('profile')
  db.profiles.set(id, { id, primary, name, parameters: kept(parameters) })
  own(user, kind, id)
  return json({ name, identifier: id, primaryConnectionIdentifier: primary, parameters, attributes: {} })
}

export const getProfile = (request: DataRequest): Answer => json(view(readable(request)))
export const getProfileParameters = (request: DataRequest): Answer => json(readable(request).parameters)

export function listProfilesOf(request: DataRequest): Answer {
  const { state, user, names } = request
  const id = names[0] ?? ''
  if (!state.db.connections.has(id) || !may(state.db, user, 'connectionPermissions', id, 'READ')) throw notFound(id)
  const profiles = [...state.db.profiles.values()].filter(
    (p) => p.primary === id && may(state.db, user, kind, p.id, 'READ'),
  )
  return json(Object.fromEntries(profiles.map((p) => [p.id, view(p)])))
}

/** Guests that joined by it stay. */
export function deleteProfile(request: DataRequest): Answer {
  const { id } = readable(request)
  if (!may(request.state.db, request.user, kind, id, 'DELETE')) throw denied()
  request.state.db.removeProfile(id)
  return nothing
}

/** A new key at every asking: for an administrator, or the tunnel's owner who may read the profile. */
export function getSharingCredentials({ state, user, names }: DataRequest): Answer {
  const [uuid = '', profileId = ''] = names
  const tunnel = state.tunnels.get(uuid)
  if (tunnel === undefined || (!isAdmin(user) && tunnel.login.user !== user)) throw notFound(uuid)
  const profile = state.db.profiles.get(profileId)
  if (profile === undefined || profile.primary !== tunnel.connectionId || !may(state.db, user, kind, profileId, 'READ'))
    throw denied()
  const { key } = state.newKey(uuid, profileId)
  return json({ expected: [{ name: 'key', type: 'QUERY_PARAMETER' }], values: { key } })
}
