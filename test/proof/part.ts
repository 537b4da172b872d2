import type { ProofTarget } from './target.ts'

export const partNames = ['faults', 'bounds', 'sweep', 'kill', 'outage', 'upgrade', 'cut', 'invitations'] as const
export type PartName = (typeof partNames)[number]

/** What a part of the proof is given. */
export interface ProofRun {
  /** The same seed makes the same choices; what the machine does in between is its own. */
  readonly seed: number
  /** When it must be over, whatever is still to be tried; a part that is done before ends before. */
  readonly durationMs: number
  /** How many rounds (schedules, repeats) to try, where the operator named a number. */
  readonly rounds?: number
  /** Where sessions run, for parts that use a real provider. */
  readonly target: ProofTarget
  /** The Temporal CLI, for parts with a server of their own. */
  readonly temporalCli: string
  /** The bundled workflows, where somebody has them already. */
  readonly workflowBundle?: string
  /** Aborts when the operator wants it to end: stop what was begun, then return what was found so far. */
  readonly signal: AbortSignal
  /** A line for whoever watches. */
  readonly say: (line: string) => void
}

export interface ProofOutcome {
  /** How many cases were tried: schedules, rounds, tests. */
  readonly cases: number
  /** Each in words; none is what is to be shown. */
  readonly breaches: readonly string[]
  /** What was asked for and not reached in the time, in words. */
  readonly missed?: string | null
  /** Figures, and what was left out and why. */
  readonly notes: readonly string[]
}

/** One proof. It brings what it needs and leaves nothing; it throws only where it could not be tried at all. */
export interface Part {
  readonly name: PartName
  /** What it shows, in a sentence. */
  readonly shows: string
  /** What its sessions run on: the target, or what it brings itself. */
  on(target: ProofTarget): string
  run(run: ProofRun): Promise<ProofOutcome>
}
