import { appendFileSync } from 'node:fs'
import type { ProofOutcome } from './part.ts'

/** How long a proof that is written as tests is to be. */
export interface ProofLength {
  readonly seed: number
  /** How many schedules, rounds or repeats. */
  readonly runs: number
  /** How long it may take at most, ms. */
  readonly durationMs: number
  /** Whether it is the long form. */
  readonly long: boolean
  /** Whether somebody named the number of runs. */
  readonly named: boolean
}

/** What the operator asked for; else the short form, which `npm test` runs. */
export function proofLength(
  short: Pick<ProofLength, 'seed' | 'runs' | 'durationMs'>,
  longRuns = short.runs,
): ProofLength {
  const asked = process.env['CARREL_PROVE_MS']
  const named = process.env['CARREL_PROVE_RUNS'] !== undefined
  const number = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise)
  if (asked === undefined) return { ...short, seed: number('CARREL_PROVE_SEED', short.seed), long: false, named: false }
  return {
    seed: number('CARREL_PROVE_SEED', short.seed),
    runs: number('CARREL_PROVE_RUNS', longRuns),
    durationMs: Number(asked),
    long: true,
    named,
  }
}

/** In words what was not reached of what was to be; `null` where it was. */
export const missing = (reached: number, of: number, what: string): string | null =>
  reached < of ? `${reached} of ${of} ${what} were reached in the time` : null

/** Hands figures on to the report of `npm run prove`, and prints the notes. */
export function tell(outcome: ProofOutcome): void {
  for (const note of outcome.notes) console.log(note)
  const file = process.env['CARREL_PROVE_FIGURES']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(outcome)}\n`)
}
