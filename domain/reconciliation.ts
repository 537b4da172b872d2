import type { SessionState } from './lifecycle.ts'
import { isEnd } from './lifecycle.ts'
import { observationKey } from './observation.ts'
import type { OutsideAction, OutsideDrift } from './outside-sweep.ts'

/** What may differ between a backend, the rows and the workflows. */
export const driftKinds = [
  /** The backend has an instance of a generation that has ended. */
  'orphan_instance',
  /** A removal of a generation that has ended was never confirmed: it was given up. */
  'unconfirmed_removal',
  /**
   * The backend has an instance with our label, and no row knows of it: a restored or copied database. Never removed unasked; its
   * session may have a row.
   */
  'unknown_instance',
  /** A session stands on an instance that the backend does not have. */
  'instance_missing',
  /** Something is held for a generation that has ended. */
  'reservation_without_session',
  /** A session lives, and neither its workflow nor a teardown runs. */
  'session_without_workflow',
  /** A workflow runs for a session that has ended. */
  'workflow_without_session',
  /** A workflow runs, and no row knows of its session. Never ended unasked. */
  'unknown_workflow',
  /** Sessions wait although the provider has room. */
  'queue_not_served',
] as const
export type DriftKind = (typeof driftKinds)[number]

/** An instance as the backend's list has it. */
export interface Listed {
  readonly name: string
  readonly sessionId: string
  readonly generation: number
}

/** A session of the provider as the rows have it. Times in ms since the epoch. */
export interface Known {
  readonly sessionId: string
  readonly state: SessionState
  readonly generation: number
  /** Set while its instance must be there: when the backend said that it was made. */
  readonly instanceMadeAt: number | null
  /** Whether its generation has an instance by the rows, or may have: that is written before one is made. */
  readonly instanceBegun: boolean
  /** Generations that still hold something. */
  readonly held: readonly number[]
  /** Generations whose instance was to go, and nobody confirmed that it went. */
  readonly unconfirmed: readonly number[]
  /** Earlier generations of which the present one takes over what they stored. */
  readonly continued?: readonly number[]
  /** Whether a run has ever looked at it: only then is a missing one missed. */
  readonly seenByWorkflow: boolean
  /** What Temporal itself says of its runs; `unknown` when it was not asked, or did not answer. */
  readonly workflow: 'running' | 'none' | 'unknown'
}

/** Everything that one survey saw. The backend was listed before the rows were read. */
export interface Survey {
  /** When the list began, by the database's clock. */
  readonly listedAt: number
  readonly listed: readonly Listed[]
  readonly known: readonly Known[]
  /** Sessions whose workflow runs, believed only from Temporal itself, and of which no row knows. */
  readonly unknownWorkflows: readonly string[]
  readonly queueNotServed: boolean
}

export interface Drift {
  readonly kind: DriftKind
  /** A session id; for instances the object's name, `''` for the queue. */
  readonly subject: string
  readonly sessionId: string
  readonly generation: number
}

export interface JudgedDrift extends Drift {
  /** Seen often and long enough to be acted on. */
  readonly certain: boolean
}

/** What is to be done about one drift. */
export type Action =
  | { readonly do: 'removeInstance'; readonly sessionId: string; readonly generation: number }
  | { readonly do: 'removeUnknown'; readonly name: string; readonly sessionId: string; readonly generation: number }
  | { readonly do: 'releaseReservation'; readonly sessionId: string; readonly generation: number }
  | { readonly do: 'lookAgain'; readonly sessionId: string }
  | { readonly do: 'doubtInstance'; readonly sessionId: string; readonly generation: number }
  | { readonly do: 'nudgeWorkflow'; readonly sessionId: string }
  | { readonly do: 'dispatch' }

/** Since when a drift has been seen, and how often, this survey counted. */
export interface Sightings {
  readonly sinceMs: number
  readonly seen: number
}

export interface Rules {
  readonly mostActions: number
  /** How many removals and endings an operator has granted beyond the usual. */
  readonly allowance: number
  /** Objects without a row that an operator named. */
  readonly removeNames: readonly string[]
  /** Whether the installation may act at all. */
  readonly installationArmed: boolean
  /** Whether this provider's sweep may remove instances and end sessions; all else it does in any case. */
  readonly sweepArmed: boolean
}

/** Of how many what is found is a part. */
export interface Extent {
  /** Instances that the backend listed. */
  readonly listed: number
  /** Sessions that live, as far as it is known whether anybody looks after them. */
  readonly live: number
}

export interface Plan {
  readonly actions: readonly Action[]
  /** Removals and endings that would be too many at once: none is done, and the sweep waits for an operator. */
  readonly withheld: number | null
}

export const reconciliationOutcomes = ['done', 'withheld', 'disarmed', 'unreachable', 'failed'] as const
export type ReconciliationOutcome = (typeof reconciliationOutcomes)[number]

/** What a reconciliation tells: what differs, what it would do or did, and how that went. */
export interface ReconciliationReport {
  readonly listed: number
  readonly drifts: readonly (JudgedDrift | OutsideDrift)[]
  readonly actions: readonly (Action | OutsideAction)[]
  readonly withheld: number | null
  readonly failed: readonly (Action | OutsideAction)[]
}

/**
 * A plan that would remove more than this many of the listed instances, or end more than this many of the live sessions, does
 * neither, unless an operator granted more: that the rows are wrong, or Temporal lost its runs, is likelier then.
 */
export const mostAtOnce = (of: number): number => Math.max(5, Math.floor(of / 5))

export const extentOf = ({ listed, known }: Survey): Extent => ({
  listed: listed.length,
  live: known.filter((k) => !isEnd(k.state) && k.workflow !== 'unknown').length,
})

/** What differs. Pure: whoever acts on it has seen it twice. */
export function findDrift(survey: Survey): Drift[] {
  const known = new Map(survey.known.map((k) => [k.sessionId, k]))
  const listed = new Set(survey.listed.map((l) => observationKey(l.sessionId, l.generation)))
  return [
    ...survey.listed.flatMap((l): Drift[] => {
      const row = known.get(l.sessionId)
      const about = { subject: l.name, sessionId: l.sessionId, generation: l.generation }
      if (row === undefined || l.generation > row.generation) return [{ kind: 'unknown_instance', ...about }]
      if (isOver(row, l.generation)) return [{ kind: 'orphan_instance', ...about }]
      // The list came before the rows: one that was begun meanwhile has its row.
      return row.instanceBegun ? [] : [{ kind: 'unknown_instance', ...about }]
    }),
    ...survey.known.flatMap((k) => ofSession(k, listed, survey.listedAt)),
    ...survey.unknownWorkflows.map((sessionId): Drift => ({
      kind: 'unknown_workflow',
      subject: sessionId,
      sessionId,
      generation: 0,
    })),
    ...(survey.queueNotServed
      ? [{ kind: 'queue_not_served' as const, subject: '', sessionId: '', generation: 0 }]
      : []),
  ]
}

/**
 * A generation that has ended never lives again: what is left of it may go, whoever looks. But one that is only paused has not
 * ended before the next has taken over what it stored.
 */
const isOver = (row: Known, generation: number): boolean =>
  isEnd(row.state) || (generation < row.generation && row.continued?.includes(generation) !== true)

function ofSession(k: Known, listed: ReadonlySet<string>, listedAt: number): Drift[] {
  const about = { subject: k.sessionId, sessionId: k.sessionId, generation: k.generation }
  const drifts: Drift[] = k.held
    .filter((generation) => isOver(k, generation))
    .map((generation) => ({ ...about, kind: 'reservation_without_session', generation }))
  for (const generation of k.unconfirmed)
    if (isOver(k, generation) && !listed.has(observationKey(k.sessionId, generation)))
      drifts.push({ ...about, kind: 'unconfirmed_removal', generation })
  const missing =
    k.instanceMadeAt !== null && k.instanceMadeAt < listedAt && !listed.has(observationKey(k.sessionId, k.generation))
  if (missing) drifts.push({ kind: 'instance_missing', ...about })
  if (isEnd(k.state)) {
    if (k.workflow === 'running') drifts.push({ kind: 'workflow_without_session', ...about })
  } else if (k.workflow === 'none' && k.seenByWorkflow) drifts.push({ kind: 'session_without_workflow', ...about })
  return drifts
}

/** A drift counts when it lasted, and was not seen by one survey alone. A queue is served at once: that harms nobody. */
export const isCertain = (drift: Drift, { sinceMs, seen }: Sightings, graceMs: number): boolean =>
  drift.kind === 'queue_not_served' || (seen >= 2 && sinceMs >= graceMs)

/** What to do. Only what is certain is acted on; what an operator named must be what no row knows of. */
export function planActions(drifts: readonly JudgedDrift[], extent: Extent, rules: Rules): Plan {
  if (!rules.installationArmed) return { actions: [], withheld: null }
  const certain = drifts.filter((d) => d.certain)
  const { mayEnd, asked } = judgeEnding(drifts, extent, rules)
  const named = drifts.filter((d) => d.kind === 'unknown_instance' && rules.removeNames.includes(d.subject))
  const actions = [
    // What an operator asked for comes before what would be done anyway.
    ...named.map((d): Action => ({
      do: 'removeUnknown',
      name: d.subject,
      sessionId: d.sessionId,
      generation: d.generation,
    })),
    ...certain.filter((d) => !endsSomething(d)).flatMap((d) => actionFor(d)),
    ...(mayEnd ? certain : []).filter(endsSomething).flatMap((d) => actionFor(d)),
  ]
  const most = Math.max(rules.mostActions, named.length)
  return { actions: actions.slice(0, most), withheld: mayEnd || asked === 0 ? null : asked }
}

/** What is not undone by finding out later that it was wrong. */
const endsSomething = ({ kind }: Drift): boolean => kind === 'orphan_instance' || kind === 'session_without_workflow'

/**
 * Whether what ends something may be done, and how much of it there is. Sessions that nobody looks after count as soon as they
 * are found: where Temporal answers slowly, few of many are found twice.
 */
function judgeEnding(
  drifts: readonly JudgedDrift[],
  { listed, live }: Extent,
  { sweepArmed, allowance }: Rules,
): { readonly mayEnd: boolean; readonly asked: number } {
  const orphans = drifts.filter((d) => d.kind === 'orphan_instance' && d.certain).length
  const found = drifts.filter((d) => d.kind === 'session_without_workflow')
  const lost = found.some((d) => d.certain) ? found.length : 0
  const isUsual = orphans <= Math.max(mostAtOnce(listed), allowance) && lost <= Math.max(mostAtOnce(live), allowance)
  return { mayEnd: sweepArmed && isUsual, asked: orphans + lost }
}

function actionFor({ kind, sessionId, generation }: Drift): Action[] {
  switch (kind) {
    case 'orphan_instance':
    case 'unconfirmed_removal':
      return [{ do: 'removeInstance', sessionId, generation }]
    case 'reservation_without_session':
      return [{ do: 'releaseReservation', sessionId, generation }]
    case 'instance_missing':
      return [{ do: 'doubtInstance', sessionId, generation }]
    case 'session_without_workflow':
      return [{ do: 'lookAgain', sessionId }]
    case 'workflow_without_session':
      return [{ do: 'nudgeWorkflow', sessionId }]
    case 'queue_not_served':
      return [{ do: 'dispatch' }]
    case 'unknown_instance':
    case 'unknown_workflow':
      return []
    default:
      return kind satisfies never
  }
}
