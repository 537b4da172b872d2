import { isEnd } from '../../../domain/lifecycle.ts'
import { extentOf, findDrift, isCertain, planActions } from '../../../domain/reconciliation.ts'
import type { Action, Drift, Known, Listed, Survey } from '../../../domain/reconciliation.ts'
import type { World } from './world.ts'

/** The rules that a sweep goes by; a proof that can fail puts a wrong one here. */
export interface SweepRules {
  readonly findDrift: (survey: Survey) => Drift[]
  readonly isCertain: typeof isCertain
  readonly planActions: typeof planActions
}
export const rules: SweepRules = { findDrift, isCertain, planActions }

const graceMs = 1_000

/**
 * One provider's sweep over a world, by the real rules. Each call of `next` is one step: it lists, then reads the rows, then
 * asks for runs and plans, then acts once per step; whatever happens between two steps, happens to it.
 */
export class Sweeper {
  readonly #world: World
  readonly #rules: SweepRules
  readonly #memory = new Map<string, { since: number; seen: number }>()
  #listed: { readonly at: number; readonly instances: readonly Listed[] } | null = null
  #known: readonly Known[] | null = null
  #actions: Action[] = []
  armed = true
  allowance = 0
  withheld = 0

  constructor(world: World, sweepRules: SweepRules = rules) {
    this.#world = world
    this.#rules = sweepRules
  }

  next(): void {
    if (this.#actions.length > 0) return this.#act()
    if (this.#listed === null) return this.#list()
    if (this.#known === null) return this.#read()
    this.#plan(this.#listed, this.#known)
    this.#listed = null
    this.#known = null
  }

  #list(): void {
    const instances = [...this.#world.backend].map((sessionId): Listed => ({
      name: `carrel-${sessionId}-1`,
      sessionId,
      generation: 1,
    }))
    this.#listed = { at: this.#world.clock, instances }
  }

  #read(): void {
    this.#known = [...this.#world.rows.values()].map((row): Known => {
      const expects = !row.tombstoned && !row.removed && (row.state === 'ready' || row.state === 'provisioning')
      return {
        sessionId: row.sessionId,
        state: row.state,
        generation: 1,
        instanceBegun: true,
        instanceMadeAt: expects ? row.madeAt : null,
        held: row.held ? [1] : [],
        unconfirmed: row.tombstoned && !row.removed ? [1] : [],
        seenByWorkflow: row.seen,
        workflow: 'unknown',
      }
    })
  }

  #plan(listed: { readonly at: number; readonly instances: readonly Listed[] }, rows: readonly Known[]): void {
    const { workflows } = this.#world
    const known = rows.map((row): Known => ({ ...row, workflow: workflows.has(row.sessionId) ? 'running' : 'none' }))
    const unknownWorkflows = [...workflows].filter((id) => !rows.some((row) => row.sessionId === id))
    const survey = { listedAt: listed.at, listed: listed.instances, known, unknownWorkflows, queueNotServed: false }
    const drifts = this.#rules.findDrift(survey)
    const keys = new Set(drifts.map(keyOf))
    for (const key of this.#memory.keys()) if (!keys.has(key)) this.#memory.delete(key)
    const judged = drifts.map((drift) => {
      const before = this.#memory.get(keyOf(drift))
      const now = {
        since: Math.min(before?.since ?? this.#world.clock, this.#world.clock),
        seen: (before?.seen ?? 0) + 1,
      }
      this.#memory.set(keyOf(drift), now)
      const sightings = { seen: now.seen, sinceMs: this.#world.clock - now.since }
      return { ...drift, certain: this.#rules.isCertain(drift, sightings, graceMs) }
    })
    const { armed, allowance } = this
    const plan = this.#rules.planActions(judged, extentOf(survey), {
      installationArmed: true,
      sweepArmed: armed,
      allowance,
      mostActions: 50,
      removeNames: [],
    })
    if (plan.withheld !== null) {
      this.armed = false
      this.withheld = plan.withheld
    }
    this.#actions = [...plan.actions]
  }

  /** An operator looks at what was withheld, and grants it. */
  arm(): void {
    this.armed = true
    this.allowance = Math.max(this.allowance, this.withheld)
  }

  #act(): void {
    const action = this.#actions.shift()
    if (action === undefined) return
    const world = this.#world
    switch (action.do) {
      case 'removeInstance': {
        const row = world.rows.get(action.sessionId)
        // The same activity as everybody's: the tombstone first.
        if (row !== undefined) row.tombstoned = true
        world.remove(action.sessionId, 'the sweep')
        if (row !== undefined) row.removed = true
        return
      }
      case 'releaseReservation': {
        const row = world.rows.get(action.sessionId)
        if (row !== undefined) row.held = false
        return
      }
      case 'doubtInstance':
        world.doubt(action.sessionId)
        return
      case 'lookAgain':
        world.lookAfter(action.sessionId)
        return
      case 'nudgeWorkflow':
        world.step(action.sessionId)
        return
      case 'removeUnknown':
      case 'dispatch':
        return
      default:
        action satisfies never
    }
  }
}

const keyOf = (drift: Drift): string => `${drift.kind} ${drift.subject}`

/** What a sweep should have left, once all is quiet: nothing without its counterpart, and everything that lives. */
export function leftBehind(world: World): string[] {
  const rows = [...world.rows.values()]
  return [
    ...[...world.backend]
      .filter((id) => rows.some((row) => row.sessionId === id && isEnd(row.state)))
      .map((id) => `the instance of ${id} outlived its session`),
    ...rows.filter((row) => isEnd(row.state) && row.held).map((row) => `${row.sessionId} ended and holds something`),
    ...rows
      .filter((row) => !isEnd(row.state) && !world.workflows.has(row.sessionId))
      .map((row) => `${row.sessionId} is ${row.state} and nobody looks after it`),
    ...rows
      .filter((row) => row.state === 'ready' && !world.backend.has(row.sessionId))
      .map((row) => `${row.sessionId} is ready on nothing`),
  ]
}
