import { higherRole } from './authorization.ts'
import type { ProjectRole } from './authorization.ts'
import type {
  CatalogueExperiment,
  CatalogueListing,
  CatalogueMember,
  CatalogueProject,
  SyncAction,
} from './catalogue.ts'
import { isWithdrawal } from './catalogue.ts'
import { mostAtOnce } from './reconciliation.ts'

/** A list, and whose it is; `null`: it is of everybody. */
export interface ReadListing {
  readonly accountId: string | null
  readonly listing: CatalogueListing
}

export interface KnownMember {
  readonly project: string
  readonly accountId: string
  readonly role: ProjectRole
  /** By this source, and not by people here. */
  readonly isOurs: boolean
  /** So is the role: else that is for people here. */
  readonly isRoleOurs: boolean
  /** The account is in use: others are not asked about. */
  readonly isActive: boolean
}

/** What a source has brought in before, by its own names. */
export interface KnownCatalogue {
  readonly projects: readonly { readonly externalId: string; readonly name: string; readonly description: string }[]
  readonly experiments: readonly (Omit<CatalogueExperiment, 'members'> & {
    readonly project: string
    readonly isNamed: boolean
    readonly isWithdrawn: boolean
  })[]
  /** Everybody in these projects. */
  readonly members: readonly KnownMember[]
  /** For whom experiments are, as far as this source said so. */
  readonly admitted: readonly { readonly project: string; readonly experiment: string; readonly accountId: string }[]
}

export interface SyncAsk {
  readonly listings: readonly ReadListing[]
  readonly known: KnownCatalogue
  /** The accounts of a login: several where a person has several, none where nobody here has it. */
  readonly accountsOf: (login: string) => readonly string[]
}

export interface SyncPlan {
  readonly actions: readonly SyncAction[]
  /** Of how many the withdrawals are a part. */
  readonly extent: number
}

/** What the source says now: its projects, put together from all lists. */
interface Wanted {
  readonly projects: ReadonlyMap<string, CatalogueProject>
  /** Nothing of these is withdrawn. */
  readonly partial: ReadonlySet<string>
}

/**
 * What is to be done so that it is here as the source says. Pure. A list of one person says who he is, and nothing of others; a
 * list of everything, which may come in parts, says all. An experiment goes once all who belong to its project were heard. What
 * cannot be read withdraws nothing, and people's own memberships are never touched.
 */
export function planSync({ listings, known, accountsOf }: SyncAsk): SyncPlan {
  const wanted = together(listings)
  const isWhole = listings.some(({ accountId }) => accountId === null)
  /** Lists with records that do not say which they are may name anything. */
  const readable = listings.filter(({ listing }) => listing.unreadable === 0)
  const isAllReadable = readable.length === listings.length
  const heard = new Set(readable.map(({ accountId }) => accountId))
  const speaksOf = (accountId: string): boolean => (isWhole ? isAllReadable : heard.has(accountId))
  const members = membersOf(listings, accountsOf)
  const people = peopleOf(members, known)
  /** What another record names may have more in the one that could not be read: a line, an investigation, is not its whole project. */
  const saysAllOf = (project: string): boolean =>
    !wanted.partial.has(project) && (isWhole ? isAllReadable : isHeardOf(project))
  /** All who belong to it were heard, and one of them named it, or nobody is left. */
  const isHeardOf = (project: string): boolean =>
    (people.get(project)?.every(speaksOf) ?? false) && (wanted.projects.has(project) || !hasOthers.has(project))
  const hasOthers = new Set(known.members.flatMap((m) => (m.isOurs ? [] : [m.project])))
  const admitted = admittedOf(wanted, accountsOf)
  const mayWithdraw = (project: string, accountId: string): boolean =>
    speaksOf(accountId) && !wanted.partial.has(project)
  return {
    actions: [
      ...ofProjects(wanted, known),
      ...ofExperiments(wanted, known, saysAllOf),
      ...ofMembers(members, known, mayWithdraw),
      ...ofAdmitted(admitted, known, mayWithdraw),
    ],
    extent:
      known.members.filter((m) => m.isOurs && speaksOf(m.accountId)).length +
      known.admitted.filter((a) => speaksOf(a.accountId)).length +
      known.experiments.filter((e) => !e.isWithdrawn && saysAllOf(e.project)).length,
  }
}

/** What bounds the lists of single persons together, as it would one of everybody. */
export interface JointBound {
  /** What they have taken since everybody's were read, of how much. */
  readonly taken: number
  readonly extent: number
  /** Everybody's would take so much that it waits for an operator. */
  readonly isWithheld: boolean
}

/**
 * What is withheld of a plan: all its withdrawals, where they are more than usual and than an operator allows; `null`: nothing.
 * `joint`: of one person's list; `null`: it is of everybody.
 */
export function withheldOf(
  { actions, extent }: SyncPlan,
  allowance: number,
  joint: JointBound | null = null,
): number | null {
  const asked = actions.filter(isWithdrawal).length
  if (asked === 0) return null
  const isUsual = asked <= Math.max(mostAtOnce(extent), allowance)
  const isUsualTogether = joint === null || (!joint.isWithheld && joint.taken + asked <= mostAtOnce(joint.extent))
  return isUsual && isUsualTogether ? null : asked
}

function together(listings: readonly ReadListing[]): Wanted {
  const projects = new Map<string, CatalogueProject>()
  const partial = new Set<string>()
  for (const project of listings.flatMap(({ listing }) => listing.projects)) {
    if (project.partial) partial.add(project.externalId)
    const before = projects.get(project.externalId)
    projects.set(
      project.externalId,
      before === undefined ? project : { ...before, experiments: union(before, project) },
    )
  }
  return { projects, partial }
}

function union(one: CatalogueProject, other: CatalogueProject): CatalogueExperiment[] {
  const all = new Map(one.experiments.map((e) => [e.externalId, e]))
  for (const experiment of other.experiments)
    if (!all.has(experiment.externalId)) all.set(experiment.externalId, experiment)
  return [...all.values()]
}

const key = (...parts: readonly string[]): string => JSON.stringify(parts)

interface WantedMember {
  readonly project: string
  readonly accountId: string
  readonly role: ProjectRole | null
}

/** Who belongs to which project; of several roles the highest. A list of one person says only that he does. */
function membersOf(
  listings: readonly ReadListing[],
  accountsOf: SyncAsk['accountsOf'],
): ReadonlyMap<string, WantedMember> {
  const members = new Map<string, WantedMember>()
  const add = (project: string, accountId: string, role: ProjectRole | null) => {
    const before = members.get(key(project, accountId))?.role ?? null
    members.set(key(project, accountId), {
      project,
      accountId,
      role: role === null ? before : higherRole(before, role),
    })
  }
  for (const { accountId, listing } of listings)
    for (const project of listing.projects) {
      if (accountId !== null) add(project.externalId, accountId, project.members[0]?.role ?? null)
      else
        for (const { login, role } of project.members)
          for (const account of accountsOf(login)) add(project.externalId, account, role)
    }
  return members
}

/** Who belongs to each project by this source, now or before: an experiment that one of them sees is there. */
function peopleOf(
  members: ReadonlyMap<string, WantedMember>,
  known: KnownCatalogue,
): ReadonlyMap<string, readonly string[]> {
  const all = [...members.values(), ...known.members.filter((m) => m.isOurs && m.isActive)]
  const people = new Map<string, string[]>()
  for (const { project, accountId } of all) {
    const those = people.get(project)
    if (those === undefined) people.set(project, [accountId])
    else those.push(accountId)
  }
  return people
}

interface Admitted {
  readonly project: string
  readonly experiment: string
  readonly accountId: string
}

function admittedOf({ projects }: Wanted, accountsOf: SyncAsk['accountsOf']): ReadonlyMap<string, Admitted> {
  const admitted = new Map<string, Admitted>()
  const add = (project: string, experiment: string, { login }: CatalogueMember) => {
    for (const accountId of accountsOf(login))
      admitted.set(key(experiment, accountId), { project, experiment, accountId })
  }
  for (const { externalId, experiments } of projects.values())
    for (const experiment of experiments)
      for (const member of experiment.members ?? []) add(externalId, experiment.externalId, member)
  return admitted
}

function ofProjects({ projects }: Wanted, known: KnownCatalogue): SyncAction[] {
  const before = new Map(known.projects.map((p) => [p.externalId, p]))
  return [...projects.values()].flatMap(({ externalId, name, description }): SyncAction[] => {
    const is = before.get(externalId)
    if (is === undefined) return [{ do: 'addProject', project: externalId }]
    return is.name === name && is.description === description ? [] : [{ do: 'changeProject', project: externalId }]
  })
}

function ofExperiments(
  { projects }: Wanted,
  known: KnownCatalogue,
  saysAllOf: (project: string) => boolean,
): SyncAction[] {
  const before = new Map(known.experiments.map((e) => [e.externalId, e]))
  const named = new Set<string>()
  const actions: SyncAction[] = []
  for (const { externalId: project, experiments } of projects.values())
    for (const experiment of experiments) {
      // Of two projects that name it the first has it.
      if (named.has(experiment.externalId)) continue
      named.add(experiment.externalId)
      const is = before.get(experiment.externalId)
      const about = { project, experiment: experiment.externalId }
      if (is === undefined) actions.push({ do: 'addExperiment', ...about })
      else if (is.isWithdrawn || is.project !== project || differs(is, experiment))
        actions.push({ do: 'changeExperiment', ...about })
    }
  for (const { externalId: experiment, project, isWithdrawn } of known.experiments)
    if (!isWithdrawn && !named.has(experiment) && saysAllOf(project))
      actions.push({ do: 'withdrawExperiment', project, experiment })
  return actions
}

const differs = (is: KnownCatalogue['experiments'][number], wanted: CatalogueExperiment): boolean =>
  contentOf(is, is.isNamed) !== contentOf(wanted, wanted.members !== null)

const contentOf = (e: Omit<CatalogueExperiment, 'members'>, isNamed: boolean): string =>
  JSON.stringify([
    e.name,
    e.description,
    e.instrument,
    e.starts,
    e.ends,
    e.posix?.uid ?? null,
    e.posix?.gid ?? null,
    isNamed,
    e.datasets.map(({ name, path, target, mode }) => [name, path, target, mode]),
  ])

function ofMembers(
  members: ReadonlyMap<string, WantedMember>,
  known: KnownCatalogue,
  mayWithdraw: (project: string, accountId: string) => boolean,
): SyncAction[] {
  const before = new Map(known.members.map((m) => [key(m.project, m.accountId), m]))
  const actions: SyncAction[] = []
  for (const [at, { project, accountId, role }] of members) {
    const is = before.get(at)
    if (is === undefined) actions.push({ do: 'addMember', project, accountId, role })
    else if (is.isOurs && (role === null ? is.isRoleOurs : is.role !== role || !is.isRoleOurs))
      actions.push({ do: 'changeRole', project, accountId, role })
  }
  for (const { project, accountId, isOurs } of known.members)
    if (isOurs && !members.has(key(project, accountId)) && mayWithdraw(project, accountId))
      actions.push({ do: 'withdrawMember', project, accountId })
  return actions
}

function ofAdmitted(
  admitted: ReadonlyMap<string, Admitted>,
  known: KnownCatalogue,
  mayWithdraw: (project: string, accountId: string) => boolean,
): SyncAction[] {
  const before = new Set(known.admitted.map((a) => key(a.experiment, a.accountId)))
  return [
    ...[...admitted.entries()].filter(([at]) => !before.has(at)).map(([, a]): SyncAction => ({ do: 'admit', ...a })),
    ...known.admitted
      .filter((a) => !admitted.has(key(a.experiment, a.accountId)) && mayWithdraw(a.project, a.accountId))
      .map((a): SyncAction => ({ do: 'dismiss', ...a })),
  ]
}
