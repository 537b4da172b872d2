import type { SessionState } from './lifecycle.ts'
import { isEnd } from './lifecycle.ts'
import type { DoorMode, Sharing } from './template.ts'

export const roles = ['member', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]
export const projectRoles = ['owner', 'editor', 'viewer'] as const
export type ProjectRole = (typeof projectRoles)[number]

/** Of two roles the higher one; `null` is none. */
export const higherRole = (one: ProjectRole | null, other: ProjectRole): ProjectRole =>
  one !== null && projectRoles.indexOf(one) < projectRoles.indexOf(other) ? one : other

/** What a token may be limited to. A token never has more than its account's rights at the time of use. */
export const scopes = ['read', 'sessions', 'projects', 'tokens', 'admin', 'act-as', 'provision'] as const
export type Scope = (typeof scopes)[number]
/** Scopes with which a token reaches beyond its own account: only an admin gives them. */
export const strongScopes: readonly Scope[] = ['admin', 'act-as', 'provision']

/** What a route asks for. `own` rights are checked against the thing itself as well, with `relation`. */
export const rights = {
  'account:list': { scope: 'read', relation: 'any' },
  'account:read': { scope: 'read', relation: 'acquaintance' },
  'account:admin': { scope: 'admin', relation: 'admin' },
  // With the scope by which a portal acts for people: only who may do that has use for their accounts.
  'account:vouch': { scope: 'act-as', relation: 'self' },
  'account:erase': { scope: 'admin', relation: 'admin' },
  'identity:read': { scope: 'read', relation: 'account-self' },
  'terms:read': { scope: 'read', relation: 'any' },
  'terms:accept': { scope: 'sessions', relation: 'self' },
  'terms:admin': { scope: 'admin', relation: 'admin' },
  'token:read': { scope: 'tokens', relation: 'self' },
  'token:write': { scope: 'tokens', relation: 'self' },
  'project:list': { scope: 'read', relation: 'any' },
  'project:read': { scope: 'read', relation: 'member' },
  'project:create': { scope: 'projects', relation: 'any' },
  'project:write': { scope: 'projects', relation: 'project-owner' },
  'project:leave': { scope: 'projects', relation: 'project-member' },
  'experiment:list': { scope: 'read', relation: 'any' },
  'experiment:read': { scope: 'read', relation: 'member' },
  'experiment:admin': { scope: 'admin', relation: 'admin' },
  'favourite:write': { scope: 'projects', relation: 'project-member' },
  'project:invite': { scope: 'projects', relation: 'project-inviter' },
  'project:invitations': { scope: 'read', relation: 'project-inviter' },
  'invitation:list': { scope: 'read', relation: 'any' },
  'invitation:view': { scope: 'read', relation: 'any' },
  'invitation:answer': { scope: 'projects', relation: 'any' },
  'invitation:read': { scope: 'read', relation: 'invitation-party' },
  'invitation:manage': { scope: 'projects', relation: 'invitation-host' },
  'template:read': { scope: 'read', relation: 'any' },
  'template:admin': { scope: 'admin', relation: 'admin' },
  'quota:read': { scope: 'read', relation: 'payer' },
  'quota:admin': { scope: 'admin', relation: 'admin' },
  'session:create': { scope: 'sessions', relation: 'project-editor' },
  'session:preview': { scope: 'read', relation: 'project-editor' },
  'session:list': { scope: 'read', relation: 'any' },
  'session:read': { scope: 'read', relation: 'session-reader' },
  'session:stop': { scope: 'sessions', relation: 'session-owner' },
  'session:transfer': { scope: 'sessions', relation: 'session-giver' },
  'session:pause': { scope: 'sessions', relation: 'session-owner' },
  'session:connect': { scope: 'sessions', relation: 'session-user' },
  'session:guests': { scope: 'read', relation: 'session-host' },
  'session:share': { scope: 'sessions', relation: 'session-host' },
  'session:watch': { scope: 'read', relation: 'session-keeper' },
  'session:cut': { scope: 'sessions', relation: 'session-keeper' },
  'event:list': { scope: 'read', relation: 'any' },
  'event:read': { scope: 'read', relation: 'session-reader' },
  'self:read': { scope: 'read', relation: 'any' },
  'provider:admin': { scope: 'admin', relation: 'admin' },
  'metrics:read': { scope: 'read', relation: 'operator' },
  'operate:read': { scope: 'admin', relation: 'operator' },
  'operate:write': { scope: 'admin', relation: 'operator' },
  'status:read': { scope: null, relation: 'public' },
  'sign-in': { scope: null, relation: 'public' },
  'codec:decode': { scope: null, relation: 'capability' },
  'instance:report': { scope: null, relation: 'instance' },
  'provisioner:list': { scope: 'provision', relation: 'any' },
  'provisioner:act': { scope: 'provision', relation: 'provisioner' },
} as const satisfies Record<string, { scope: Scope | null; relation: string }>
export type Right = keyof typeof rights

/** Who asks, in the facts that rights stand on. */
export interface Actor {
  readonly accountId: string
  readonly roles: readonly Role[]
  readonly scopes: readonly Scope[]
  /** Acting for somebody gives at most that account's rights, never an operator's. */
  readonly actingFor: boolean
  readonly disabled: boolean
}

/** What the actor is to the thing that the route names; absent facts are false. */
export interface Relation {
  readonly isOwner?: boolean
  readonly projectRole?: ProjectRole | null
  /** Of an account: both belong to one project. */
  readonly sharesProject?: boolean
  /** Of a session: its owner let the actor in, and that still holds. */
  readonly isCollaborator?: boolean
  /** Of an invitation: it is for an e-mail address that is proven to be the actor's. */
  readonly isInvited?: boolean
  /** Of an instance that was handed over: its provider names the actor as its provisioner. */
  readonly isProvisioner?: boolean
}

export const isAdmin = (actor: Actor): boolean => !actor.actingFor && actor.roles.includes('admin')
export const isOperator = (actor: Actor): boolean =>
  !actor.actingFor && (actor.roles.includes('operator') || actor.roles.includes('admin'))

/** The scope that a token needs: `admin` holds the others only for an admin's own rights, `sessions` and `projects` imply `read`. */
export function hasScope(actor: Actor, scope: Scope | null): boolean {
  if (scope === null || actor.scopes.includes(scope)) return true
  return scope === 'read' && actor.scopes.some((s) => s === 'sessions' || s === 'projects' || s === 'admin')
}

/** Whether the token reaches this far at all; what the thing itself says comes after. */
export const mayTry = (actor: Actor, right: Right): boolean => !actor.disabled && hasScope(actor, rights[right].scope)

/** Whether a right is decided by what the actor is to the thing, so that the thing must be looked up first. */
export function needsRelation(right: Right): boolean {
  const free = ['public', 'capability', 'instance', 'any', 'self', 'admin', 'operator']
  return !free.includes(rights[right].relation)
}

/** In what an actor can stand to a thing, by itself and by the facts of the two. */
export const standings = {
  anybody: () => true,
  // A portal that acts for somebody must not come by a token of theirs: it would outlive the portal's own right.
  'in person': (actor) => !actor.actingFor,
  operator: isOperator,
  admin: isAdmin,
  owner: (_, to) => to.isOwner === true,
  // How somebody signs in is nothing that a portal needs to know that acts for them.
  'owner in person': (actor, to) => to.isOwner === true && !actor.actingFor,
  'project owner': (_, to) => to.projectRole === 'owner',
  'project editor': (_, to) => to.projectRole === 'editor',
  'project member': (_, to) => (to.projectRole ?? null) !== null,
  acquaintance: (_, to) => to.sharesProject === true,
  collaborator: (_, to) => to.isCollaborator === true,
  invited: (_, to) => to.isInvited === true,
  // What it is given is others' secrets: no role stands in for being named.
  'provisioner in person': (actor, to) => to.isProvisioner === true && !actor.actingFor,
} as const satisfies Record<string, (actor: Actor, to: Relation) => boolean>
export type Standing = keyof typeof standings

/** Who may, and who at least knows of the thing: it is told no. From all others the thing is hidden. */
interface Verdicts {
  readonly may: readonly Standing[]
  readonly knows?: readonly Standing[]
}

/** Who may read a session: it is told no where it may not do more, and others are told nothing. */
const readers = ['owner', 'project member', 'collaborator', 'operator'] as const

/** The matrix: each relation that a right asks for, by who stands in it. */
export const verdicts = {
  public: { may: ['anybody'] },
  capability: { may: ['anybody'] },
  instance: { may: ['anybody'] },
  any: { may: ['anybody'] },
  self: { may: ['in person'], knows: ['anybody'] },
  admin: { may: ['admin'], knows: ['anybody'] },
  operator: { may: ['operator'], knows: ['anybody'] },
  member: { may: ['project member', 'owner', 'operator'] },
  payer: { may: ['project member', 'owner', 'operator'] },
  'project-member': { may: ['project member'] },
  'project-owner': { may: ['project owner', 'admin'], knows: ['project member'] },
  'project-editor': { may: ['project owner', 'project editor'], knows: ['project member'] },
  'project-inviter': { may: ['project owner', 'project editor', 'admin'], knows: ['project member'] },
  'invitation-party': { may: ['invited', 'owner', 'project owner', 'project editor', 'operator'] },
  'invitation-host': { may: ['owner', 'project owner', 'admin'], knows: ['invited', 'project editor', 'operator'] },
  acquaintance: { may: ['owner', 'acquaintance', 'admin'] },
  'account-self': { may: ['owner in person', 'admin'], knows: ['owner'] },
  'session-reader': { may: readers },
  'session-owner': { may: ['owner', 'project owner', 'operator'], knows: readers },
  'session-giver': { may: ['owner', 'admin'], knows: readers },
  'session-user': { may: ['owner', 'collaborator'], knows: readers },
  'session-host': { may: ['owner'], knows: readers },
  'session-keeper': { may: ['owner', 'operator'], knows: readers },
  provisioner: { may: ['provisioner in person'] },
} as const satisfies Record<(typeof rights)[Right]['relation'], Verdicts>

/**
 * Whether the actor may do this to a thing it stands in this relation to.
 * `hidden` means that it may not even know of the thing: the answer is 404.
 */
export function can(actor: Actor, right: Right, relation: Relation = {}): 'yes' | 'no' | 'hidden' {
  const needed = rights[right].relation
  if (needed === 'public' || needed === 'capability' || needed === 'instance') return 'yes'
  if (!mayTry(actor, right)) return 'no'
  const { may, knows = [] }: Verdicts = verdicts[needed]
  const is = (standing: Standing): boolean => standings[standing](actor, relation)
  return may.some(is) ? 'yes' : knows.some(is) ? 'no' : 'hidden'
}

/** What decides whether an account may use a running session now. Times in ms since the epoch. */
export interface UseFacts {
  readonly state: SessionState
  readonly ownerId: string
  /** What its owner is to its project now. */
  readonly ownerRole: ProjectRole | null
  readonly stopRequestedAt: number | null
  readonly expiresAt: number | null
  readonly sharing: SharingFacts
  /** Of a session in an experiment: its owner may work with that's data now. Absent: it is in none. */
  readonly ownerMayHaveData?: boolean
}

/** With whom a session may be shared at all. */
export interface SharingFacts {
  /** What its template and its project allow. */
  readonly template: Sharing
  readonly project: Sharing
  /** Data of an experiment or a dataset is mounted: it is its project's. */
  readonly holdsData: boolean
}

/** What an account is to a session and its project. `collaborator`: the mode that the owner gave it. */
export interface Membership {
  readonly projectRole: ProjectRole | null
  readonly collaborator: DoorMode | null
  /** Of a session in an experiment: that's data is for the account. Absent: it is in none. */
  readonly mayHaveData?: boolean
}

/** The stricter of two. */
export function stricter(one: Sharing, other: Sharing): Sharing {
  if (one === 'off' || other === 'off') return 'off'
  return one === 'members' || other === 'members' ? 'members' : 'invited'
}

/** Whether a session may be shared with an account that is this to its project, at this moment. */
export function mayShareWith({ template, project, holdsData }: SharingFacts, role: ProjectRole | null): boolean {
  const sharing = stricter(template, project)
  return sharing !== 'off' && (role !== null || (sharing === 'invited' && !holdsData))
}

/**
 * How the account may use the session as long as it lasts. `null`: not at all, or not any more. What an owner has lost in the
 * project, nobody has of them.
 */
export function grantedMode(
  session: Pick<UseFacts, 'ownerId' | 'ownerRole' | 'sharing' | 'ownerMayHaveData'>,
  account: { readonly id: string; readonly disabledAt: number | null },
  { projectRole, collaborator, mayHaveData }: Membership,
): DoorMode | null {
  if (account.disabledAt !== null) return null
  if (session.ownerMayHaveData === false || mayHaveData === false) return null
  if (session.ownerId === account.id) return mayWork(projectRole) ? 'control' : null
  return mayWork(session.ownerRole) && mayShareWith(session.sharing, projectRole) ? collaborator : null
}

/** Whether who is this in a project works there, and with its data: viewers look on. */
export const mayWork = (role: ProjectRole | null): boolean => role !== null && role !== 'viewer'

/** Whether nobody uses the session any more: from the instant a stop is asked, or its time is over. */
export const isOver = (
  { state, stopRequestedAt, expiresAt }: Pick<UseFacts, 'state' | 'stopRequestedAt' | 'expiresAt'>,
  now: number,
): boolean =>
  stopRequestedAt !== null || isEnd(state) || state === 'stopping' || (expiresAt !== null && expiresAt <= now)

/**
 * How the account may use the session at this moment: not at all (`null`) from the instant a stop is asked, its time is over,
 * or the right behind it is withdrawn. Asked by the api and the gateway themselves, so that revocation waits for nobody.
 */
export const usableMode = (
  session: UseFacts,
  account: { readonly id: string; readonly disabledAt: number | null },
  membership: Membership,
  now: number,
): DoorMode | null => (isOver(session, now) ? null : grantedMode(session, account, membership))

/** Whether the account may use the session at all at this moment. */
export const mayUse = (...facts: Parameters<typeof usableMode>): boolean => usableMode(...facts) !== null
