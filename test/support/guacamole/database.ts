/** What the double keeps where the real one has PostgreSQL: shared by all nodes, and it survives their restarts. */

export const root = 'ROOT'
export type Kind =
  | 'connectionPermissions'
  | 'connectionGroupPermissions'
  | 'sharingProfilePermissions'
  | 'activeConnectionPermissions'
  | 'userPermissions'
  | 'userGroupPermissions'
export const objectKinds: readonly Kind[] = [
  'connectionPermissions',
  'connectionGroupPermissions',
  'sharingProfilePermissions',
  'activeConnectionPermissions',
  'userPermissions',
  'userGroupPermissions',
]
export const systemPermissions = [
  'CREATE_USER',
  'CREATE_USER_GROUP',
  'CREATE_CONNECTION',
  'CREATE_CONNECTION_GROUP',
  'CREATE_SHARING_PROFILE',
  'AUDIT',
  'ADMINISTER',
] as const
export const objectPermissions = ['READ', 'UPDATE', 'DELETE', 'ADMINISTER'] as const

export type Attributes = Record<string, string | null>
export interface Grants {
  readonly objects: Map<Kind, Map<string, Set<string>>>
  readonly system: Set<string>
}
export interface Group {
  readonly id: string
  parent: string
  name: string
  attributes: Attributes
}
export interface Connection {
  readonly id: string
  parent: string
  name: string
  protocol: string
  parameters: Record<string, string>
  attributes: Attributes
  lastActive: number | null
}
export interface User {
  readonly name: string
  password: string | null
  disabled: boolean
  attributes: Attributes
  lastActive: number | null
  readonly grants: Grants
}
export interface UserGroup {
  readonly id: string
  readonly members: Set<string>
  readonly grants: Grants
}
export interface Profile {
  readonly id: string
  readonly primary: string
  readonly name: string
  readonly parameters: Record<string, string>
}
export interface Visit {
  readonly id: string
  readonly uuid: string
  readonly startDate: number
  endDate: number | null
  readonly remoteHost: string
  readonly username: string
  active: boolean
  connectionId: string | null
  readonly connectionName: string
}

export const noGrants = (): Grants => ({
  objects: new Map(objectKinds.map((kind) => [kind, new Map()])),
  system: new Set(),
})

/** An empty installation with its first administrator. */
export function createDatabase(admin: { readonly username: string; readonly password: string }) {
  const sequences = new Map<string, number>()
  const database = {
    groups: new Map<string, Group>(),
    connections: new Map<string, Connection>(),
    users: new Map<string, User>(),
    userGroups: new Map<string, UserGroup>(),
    profiles: new Map<string, Profile>(),
    visits: [] as Visit[],
    /** Whether it answers; where not, the web application answers 500 to whatever needs it. */
    up: true,
    /** Between a check and the write that trusts it: in a race, all pass the check. */
    gapMs: 1,
    /** Grants on their way, by what they say. */
    granting: new Set<string>(),
    nextId(of: string): string {
      const next = (sequences.get(of) ?? 0) + 1
      sequences.set(of, next)
      return String(next)
    },
    /** Lets the next id be above this one, as if others had been made meanwhile. */
    skipTo(of: string, id: number) {
      sequences.set(of, Math.max(id, sequences.get(of) ?? 0))
    },
    gap: () => new Promise<void>((resolve) => void setTimeout(resolve, database.gapMs)),
    addUser(name: string, password: string | null, attributes: Attributes = {}): User {
      const user = { name, password, disabled: false, attributes, lastActive: null, grants: noGrants() }
      permissionsOf(user.grants, 'userPermissions', name).add('READ')
      database.users.set(name, user)
      return user
    },
    removeConnection(id: string) {
      database.connections.delete(id)
      for (const [profileId, profile] of database.profiles) {
        if (profile.primary !== id) continue
        database.profiles.delete(profileId)
        forget('sharingProfilePermissions', profileId)
      }
      forget('connectionPermissions', id)
      for (const visit of database.visits) if (visit.connectionId === id) visit.connectionId = null
    },
    removeGroup(id: string) {
      for (const c of [...database.connections.values()]) if (c.parent === id) database.removeConnection(c.id)
      for (const g of [...database.groups.values()]) if (g.parent === id) database.removeGroup(g.id)
      database.groups.delete(id)
      forget('connectionGroupPermissions', id)
    },
    removeUser(name: string) {
      const user = database.users.get(name)
      user?.grants.system.clear()
      for (const kind of objectKinds) user?.grants.objects.get(kind)?.clear()
      database.users.delete(name)
      for (const group of database.userGroups.values()) group.members.delete(name)
      forget('userPermissions', name)
    },
    removeProfile(id: string) {
      database.profiles.delete(id)
      forget('sharingProfilePermissions', id)
    },
    removeUserGroup(id: string) {
      database.userGroups.delete(id)
      forget('userGroupPermissions', id)
    },
  }
  function forget(kind: Kind, id: string) {
    for (const { grants } of [...database.users.values(), ...database.userGroups.values()])
      grants.objects.get(kind)?.delete(id)
  }
  const first = database.addUser(admin.username, admin.password)
  first.lastActive = Date.now()
  for (const permission of systemPermissions) if (permission !== 'AUDIT') first.grants.system.add(permission)
  return database
}
export type Database = ReturnType<typeof createDatabase>

/** The permissions on one object, to be read or changed. */
export function permissionsOf(grants: Grants, kind: Kind, id: string): Set<string> {
  const ofKind = grants.objects.get(kind) ?? new Map<string, Set<string>>()
  const permissions = ofKind.get(id) ?? new Set<string>()
  ofKind.set(id, permissions)
  return permissions
}

/** Whether the user may do this with the object: by own grant, by a group's, or as an administrator. */
export function may(db: Database, user: User, kind: Kind, id: string, permission: string): boolean {
  if (isAdmin(user)) return true
  const groups = [...db.userGroups.values()].filter((group) => group.members.has(user.name))
  return [user, ...groups].some(({ grants }) => grants.objects.get(kind)?.get(id)?.has(permission) === true)
}
export const isAdmin = (user: User): boolean => user.grants.system.has('ADMINISTER')

/** The maker of an object may do everything with it. */
export function own(user: User, kind: Kind, id: string): void {
  for (const permission of objectPermissions) permissionsOf(user.grants, kind, id).add(permission)
}
