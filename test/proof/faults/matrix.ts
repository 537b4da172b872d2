import type { ProviderId, SessionId } from '../../../domain/ids.ts'
import type { Timings } from '../../../domain/timings.ts'
import type { Capabilities } from '../../../ports/compute/provider.ts'
import { inTurns } from '../in-turns.ts'
import { chores } from './chores.ts'
import type { Chore, ChoreName } from './chores.ts'
import type { Case, Desk } from './desk.ts'
import { ofUsage } from './faults.ts'
import type { Fault } from './faults.ts'
import type { Ground } from './ground.ts'
import { runCase } from './run-case.ts'
import type { CaseRun, Verdict } from './run-case.ts'
import { runChore } from './run-chore.ts'
import { scenarios } from './scenarios.ts'
import type { ActivityName, Scenario, SessionActivityName } from './scenarios.ts'

/** One activity and one fault. */
export interface Cell {
  readonly activity: ActivityName
  readonly fault: Fault
}

const isChore = (activity: ActivityName): activity is ChoreName => Object.hasOwn(chores, activity)
const choreOf = (activity: ChoreName): Chore => chores[activity]
const sceneOf = (activity: ActivityName): Pick<Scenario, 'asks' | 'needs' | 'counts'> =>
  isChore(activity) ? choreOf(activity) : scenarios[activity as SessionActivityName]

/** Every activity that a scenario or a chore leads to. */
// The keys of both tables are names of activities.
export const knownActivities = [...Object.keys(scenarios), ...Object.keys(chores)] as ActivityName[]

/** Every activity that is registered; throws where one is in none of the two tables, or in one of them by mistake. */
export function activitiesOf(registered: readonly string[]): ActivityName[] {
  const missing = registered.filter((name) => !knownActivities.some((known) => known === name))
  const gone = knownActivities.filter((name) => !registered.includes(name))
  if (missing.length > 0) throw new Error(`No scenario leads to ${missing.join(', ')}: see scenarios.ts and chores.ts`)
  if (gone.length > 0) throw new Error(`No worker registers ${gone.join(', ')}`)
  return knownActivities
}

const asksProvider = (activity: ActivityName) => sceneOf(activity).asks === 'provider'
const isPossible = (activity: ActivityName, { pause }: Pick<Capabilities, 'pause'>) =>
  sceneOf(activity).needs === undefined || pause

/** Every activity that asks a provider which can do this much. */
export const providerAskers = (abilities: Pick<Capabilities, 'pause'>): ActivityName[] =>
  knownActivities.filter((activity) => asksProvider(activity) && isPossible(activity, abilities))

/** A line for the report on those that are never called there; none where all are. */
export function leftOutOf(abilities: Pick<Capabilities, 'pause'>): string[] {
  const names = knownActivities.filter((activity) => asksProvider(activity) && !isPossible(activity, abilities))
  return names.length === 0
    ? []
    : [`not applicable, as nothing of the template can be paused there: ${names.join(', ')}`]
}

/** Activities that asked somebody outside although neither table says so: faults between the two are not tried. */
export const unsaidAskers = (askers: ReadonlySet<string>): ActivityName[] =>
  knownActivities.filter((activity) => askers.has(activity) && sceneOf(activity).asks === undefined)

/** The cells of the matrix: each activity with each fault that can happen to it, at a provider that can do this much. */
export const cellsOf = (
  activities: readonly ActivityName[],
  anywhere: readonly Fault[],
  atBackend: readonly Fault[],
  { usage = false }: Pick<Capabilities, 'usage'>,
): Cell[] =>
  activities.flatMap((activity) =>
    [
      ...anywhere,
      ...(sceneOf(activity).asks !== undefined ? atBackend : []),
      ...(usage && sceneOf(activity).counts === true ? atBackend.map(ofUsage) : []),
    ]
      .filter((fault) => !(isChore(activity) && fault.stops === true))
      .map((fault) => ({ activity, fault })),
  )

/**
 * A part of the cells, in turns, so that all faults come up: of each kind one per activity, and of each chore, which no session
 * waits for, only `perChore` in all.
 */
export function fewerOf(cells: readonly Cell[], perChore: number): Cell[] {
  const turns = new Map<string, number>()
  const inTurn = <T>(things: readonly T[], of: string, count: number): T[] => {
    const from = turns.get(of) ?? 0
    turns.set(of, from + count)
    return things.length <= count ? [...things] : [...things, ...things].slice(from % things.length).slice(0, count)
  }
  return [...Map.groupBy(cells, (cell) => cell.activity)].flatMap(([activity, all]) => {
    const kinds = Map.groupBy(all, ({ fault }) => fault.kind ?? fault.name)
    const one = [...kinds].flatMap(([kind, group]) => inTurn(group, kind, 1))
    return isChore(activity) ? inTurn(one, 'chores', perChore) : one
  })
}

export interface MatrixRun extends Omit<CaseRun, 'providerId'> {
  readonly ground: Ground
  readonly desk: Desk
  readonly timings: Timings
  /** A session that lives through all of it. */
  readonly live: SessionId
  /** How many at once. */
  readonly lanes: number
  readonly planned?: (planned: Case) => void
  readonly stepMs?: number
  /** None begins after this, ms since the epoch. */
  readonly until?: number
}

/** Leads something through each cell; through fewer where the time is up before. */
export async function runCells(run: MatrixRun, cells: readonly Cell[]): Promise<Verdict[]> {
  const providerId = 'fake' as ProviderId
  const { until = Infinity } = run
  const verdicts = await inTurns(cells, run.lanes, async ({ activity, fault }) => {
    if (Date.now() > until) return null
    return isChore(activity)
      ? await runChore({ ...run, providerId }, activity, fault)
      : await runCase({ ...run, providerId }, { activity, fault })
  })
  return verdicts.filter((verdict) => verdict !== null)
}

/** What went wrong, a line each. */
export const wordsOf = (verdicts: readonly Verdict[]): string[] =>
  verdicts.flatMap(({ name, leaks, faults }) => [...leaks, ...faults].map((words) => `${name}: ${words}`))

/** A line for whoever watches. */
export function summaryOf(what: string, verdicts: readonly Verdict[]): string {
  const leaks = verdicts.filter((v) => v.leaks.length > 0).length
  const others = verdicts.filter((v) => v.faults.length > 0).length
  const slowest = verdicts.reduce((most, v) => Math.max(most, v.tookMs), 0)
  const trouble = others === 0 ? '' : `, ${others} that showed nothing or ended wrong`
  return `${what}: ${verdicts.length} cases, ${leaks} leaks${trouble} (slowest ${(slowest / 1_000).toFixed(1)} s)`
}
