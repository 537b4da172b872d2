import { badRequest, denied, internal, json, notFound, nothing } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, noGrants, own } from './database.ts'
import type { UserGroup } from './database.ts'
import { objectIn, patchesIn, textOf, textsOf } from './requests.ts'
import type { DataRequest } from './requests.ts'

const found = ({ state: { db }, names }: DataRequest): UserGroup => {
  const group = db.userGroups.get(names[0] ?? '')
  if (group === undefined) throw notFound(names[0] ?? '')
  return group
}

export function postUserGroup(request: DataRequest): Answer {
  const { state, user } = request
  const sent = objectIn(request)
  const attributes = textsOf(sent.attributes)
  const id = textOf(sent.identifier)
  if (id === null) throw internal()
  if (!isAdmin(user) && !user.grants.system.has('CREATE_USER_GROUP')) throw denied()
  if (state.db.userGroups.has(id)) throw badRequest(`Group "${id}" already exists.`)
  state.db.userGroups.set(id, { id, members: new Set(), grants: noGrants() })
  own(user, 'userGroupPermissions', id)
  return json({ identifier: id, disabled: false, attributes })
}

export function patchMembers(request: DataRequest): Answer {
  const group = found(request)
  for (const { op, value } of patchesIn(request, 'java.lang.String')) {
    if (op === 'add') group.members.add(String(value))
    else group.members.delete(String(value))
  }
  return nothing
}

export function deleteUserGroup(request: DataRequest): Answer {
  request.state.db.removeUserGroup(found(request).id)
  return nothing
}
