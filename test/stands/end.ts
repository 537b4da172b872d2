import { plus, summary, zero } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import type { StandName } from './configured.ts'
import type { StandRun } from './part.ts'

/** What became of one backend. */
export interface StandDone {
  readonly run: Pick<StandRun, 'backend' | 'cases' | 'seconds'>
  readonly outcome: Outcome
}

/** What is said last: what was not tried on which backend, which ran and how that went, and which did not and why. */
export function endOf(done: readonly StandDone[], lacks: ReadonlyMap<StandName, string>): readonly string[] {
  const untried = done.flatMap(({ run: { backend, cases } }) =>
    cases.filter((one) => one.untried).map(({ name }) => `-- not tried on ${backend}: ${name}`),
  )
  const ran = done.map(
    ({ run: { backend, seconds }, outcome }) => `ran: ${backend}: ${summary(outcome)} (${Math.round(seconds)} s)`,
  )
  const not = [...lacks].map(([name, lack]) => `did not run: ${name}: ${lack}`)
  return [...untried, ...ran, ...not, summary(totalOf(done))]
}

/** 0: at least one ran, everything passed, and whatever was `asked` for by name ran. */
export function exitCodeOf(done: readonly StandDone[], lacks: ReadonlyMap<StandName, string>, asked: boolean): 0 | 1 {
  const isWhole = done.length > 0 && totalOf(done).failed === 0
  return isWhole && !(asked && lacks.size > 0) ? 0 : 1
}

const totalOf = (done: readonly StandDone[]): Outcome => done.reduce((sum, { outcome }) => plus(sum, outcome), zero)
