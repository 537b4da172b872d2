import type { ProjectRole } from './authorization.ts'
import type { DayOrMoment, ExperimentDataset } from './experiment.ts'

/** How a catalogue is asked: person by person, or for everything at once. */
export const extents = ['person', 'whole'] as const
export type Extent = (typeof extents)[number]

/** Somebody as a catalogue names him; `role`: `null` where it does not say. */
export interface CatalogueMember {
  readonly login: string
  readonly role: ProjectRole | null
}

export interface CatalogueExperiment {
  readonly externalId: string
  readonly name: string
  readonly description: string
  readonly instrument: string | null
  readonly starts: DayOrMoment | null
  readonly ends: DayOrMoment | null
  /** `null`: it says none that may be used. */
  readonly posix: { readonly uid: number; readonly gid: number } | null
  readonly datasets: readonly ExperimentDataset[]
  /** For whom of its project its data is; `null`: for all of them. */
  readonly members: readonly CatalogueMember[] | null
}

export interface CatalogueProject {
  readonly externalId: string
  readonly name: string
  readonly description: string
  readonly experiments: readonly CatalogueExperiment[]
  readonly members: readonly CatalogueMember[]
  /** Something of it could not be read: nothing of it is withdrawn. */
  readonly partial: boolean
}

/** What could not be read of a record, for whoever looks after the catalogue. */
export interface RecordFault {
  /** The record by the catalogue's own name, or its place in the list. */
  readonly record: string
  readonly field: string
  readonly message: string
}

/** All that a catalogue told at once. */
export interface CatalogueListing {
  readonly projects: readonly CatalogueProject[]
  readonly faults: readonly RecordFault[]
  /** Records that do not even say which they are: while there are any, nothing is withdrawn by this list. */
  readonly unreadable: number
}

export const emptyListing: CatalogueListing = { projects: [], faults: [], unreadable: 0 }

/** All logins that lists name, each once. */
export const loginsIn = (listings: readonly CatalogueListing[]): readonly string[] => {
  const projects = listings.flatMap((listing) => listing.projects)
  const members = projects.flatMap((project) => [
    ...project.members,
    ...project.experiments.flatMap((experiment) => experiment.members ?? []),
  ])
  return [...new Set(members.map(({ login }) => login))]
}

/**
 * Why a list could not be read. `away`: the catalogue did not answer as agreed. `refused`: it does not list this one person.
 * `denied`: it does not let Carrel in.
 */
export const listGaps = ['away', 'refused', 'denied'] as const
export type ListGap = (typeof listGaps)[number]

/**
 * How a sync ended: carried out; without the withdrawals, which wait for an operator; the catalogue does not let Carrel in; nothing
 * was read; the installation may not act; broken off.
 */
export const syncOutcomes = ['done', 'withheld', 'denied', 'unreachable', 'disarmed', 'failed'] as const
export type SyncOutcome = (typeof syncOutcomes)[number]

/** One change that a sync makes, in ids and the catalogue's own names. */
export type SyncAction =
  | { readonly do: 'addProject'; readonly project: string }
  | { readonly do: 'changeProject'; readonly project: string }
  | { readonly do: 'addExperiment'; readonly project: string; readonly experiment: string }
  | { readonly do: 'changeExperiment'; readonly project: string; readonly experiment: string }
  | { readonly do: 'withdrawExperiment'; readonly project: string; readonly experiment: string }
  | {
      /** `role`: `null` where the catalogue says none: then it is for people here. */
      readonly do: 'addMember' | 'changeRole'
      readonly project: string
      readonly accountId: string
      readonly role: ProjectRole | null
    }
  | { readonly do: 'withdrawMember'; readonly project: string; readonly accountId: string }
  | { readonly do: 'admit'; readonly project: string; readonly experiment: string; readonly accountId: string }
  | { readonly do: 'dismiss'; readonly project: string; readonly experiment: string; readonly accountId: string }

export type SyncDeed = SyncAction['do']

/** What takes something from somebody. */
export const withdrawals: readonly SyncDeed[] = ['withdrawMember', 'dismiss', 'withdrawExperiment']
export const isWithdrawal = ({ do: deed }: SyncAction): boolean => withdrawals.includes(deed)

/** What a sync tells. Lists are cut; the counts are not. */
export interface CatalogueReport {
  /** Lists that were read, and those that could not be. */
  readonly read: number
  readonly unread: number
  /** Why not, for operators; the first. */
  readonly why: string | null
  readonly counts: Readonly<Partial<Record<SyncDeed, number>>>
  readonly changes: readonly SyncAction[]
  readonly faults: readonly RecordFault[]
  readonly faultCount: number
  /** Withdrawals that were too many at once: none is made. */
  readonly withheld: number | null
}

/** Changes and faults that a report lists. */
export const mostReported = 200

export function countDeeds(actions: readonly SyncAction[]): Partial<Record<SyncDeed, number>> {
  const counts: Partial<Record<SyncDeed, number>> = {}
  for (const { do: deed } of actions) counts[deed] = (counts[deed] ?? 0) + 1
  return counts
}

/** How many of these take something from somebody. */
export const countWithdrawals = (counts: CatalogueReport['counts']): number =>
  withdrawals.reduce((sum, deed) => sum + (counts[deed] ?? 0), 0)
