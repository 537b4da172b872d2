import { badRequest, denied, internal, json, notFound, nothing } from './answers.ts'
import type { Answer } from './answers.ts'
import { isAdmin, may, objectKinds, objectPermissions, permissionsOf, systemPermissions } from './database.ts'
import type { Database, Grants, Kind } from './database.ts'
import { patchesIn, textOf } from './requests.ts'
import type { DataRequest, Patch } from './requests.ts'

const view = (grants: Grants): Record<string, unknown> => ({
  ...Object.fromEntries(
    objectKinds.map((kind) => {
      const granted = [...(grants.objects.get(kind) ?? [])].filter(([, permissions]) => permissions.size > 0)
      return [kind, Object.fromEntries(granted.map(([id, permissions]) => [id, [...permissions]]))]
    }),
  ),
  systemPermissions: systemPermissions.filter((permission) => grants.system.has(permission)),
})

export const getOwnPermissions = ({ user }: DataRequest): Answer => json(view(user.grants))

export function getUserPermissions({ state: { db }, user, names }: DataRequest): Answer {
  const name = names[0] ?? ''
  const found = db.users.get(name)
  if (found === undefined || !may(db, user, 'userPermissions', name, 'READ')) throw notFound(name)
  return json(view(found.grants))
}

export async function patchUserPermissions(request: DataRequest): Promise<Answer> {
  const { state, user, names } = request
  const name = names[0] ?? ''
  const patches = patchesIn(request, 'java.lang.String')
  const found = state.db.users.get(name)
  if (found === undefined || !may(state.db, user, 'userPermissions', name, 'READ')) throw notFound(name)
  return await change(request, name, found.grants, patches)
}

export async function patchGroupPermissions(request: DataRequest): Promise<Answer> {
  const id = request.names[0] ?? ''
  const patches = patchesIn(request, 'java.lang.String')
  const group = request.state.db.userGroups.get(id)
  if (group === undefined) throw notFound(id)
  return await change(request, `group ${id}`, group.grants, patches)
}

const existing: Record<Kind, (db: Database, id: string) => boolean> = {
  connectionPermissions: (db, id) => db.connections.has(id),
  connectionGroupPermissions: (db, id) => db.groups.has(id),
  sharingProfilePermissions: (db, id) => db.profiles.has(id),
  activeConnectionPermissions: () => false,
  userPermissions: (db, id) => db.users.has(id),
  userGroupPermissions: (db, id) => db.userGroups.has(id),
}
type Change = () => void

/** All or nothing. Of equal grants that race, one is answered 500 although it is granted. */
async function change(request: DataRequest, of: string, grants: Grants, patches: readonly Patch[]): Promise<Answer> {
  const { db } = request.state
  const changes = patches.map((patch) => planned(request, grants, patch))
  if (changes.length === 0) return nothing
  const key = `${of} ${JSON.stringify(patches)}`
  const racing = db.granting.has(key)
  db.granting.add(key)
  await db.gap()
  db.granting.delete(key)
  for (const apply of changes) apply()
  if (racing) throw internal()
  return nothing
}

function planned({ state: { db }, user }: DataRequest, grants: Grants, { op, path, value }: Patch): Change {
  if (op !== 'add' && op !== 'remove') throw badRequest(`Unsupported patch operation: "${op}"`)
  const permission = textOf(value) ?? ''
  if (path === '/systemPermissions') {
    if (!isAdmin(user)) throw denied()
    if (!systemPermissions.some((p) => p === permission)) throw internal()
    return () => void (op === 'add' ? grants.system.add(permission) : grants.system.delete(permission))
  }
  const [, named, id = ''] = /^\/(\w+)\/(.+)$/.exec(path) ?? []
  const kind = objectKinds.find((k) => k === named)
  if (kind === undefined) throw badRequest(`Unsupported patch path: "${path}"`)
  if (!objectPermissions.some((p) => p === permission)) throw internal()
  if (op === 'remove') return () => void grants.objects.get(kind)?.get(id)?.delete(permission)
  if (!existing[kind](db, id)) throw internal()
  if (!may(db, user, kind, id, 'ADMINISTER')) throw denied()
  return () => void permissionsOf(grants, kind, id).add(permission)
}
