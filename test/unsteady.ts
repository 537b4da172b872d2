import { basename } from 'node:path'
import type { Failure, Outcome } from './outcome.ts'

/** What a run of tests came to. */
export interface Run {
  readonly outcome: Outcome
  readonly failures: readonly Failure[]
  /** What failed at first and passed when its file was run alone. */
  readonly unsteady: readonly Failure[]
}

/** More than these are no matter of chance. */
const mostFiles = 3

/** Files that look for what happens once in a thousand times: what they find is a finding, however rare. */
const proofs = [
  'admission',
  'bounded-states',
  'fault-matrix',
  'fault-matrix-kills',
  'invitation-races',
  'kill-anywhere',
  'lock-order',
  'races',
  'sweep-safety',
]

/** The files to be run again, alone: none where something failed that one more run cannot clear. */
export function worthAnotherRun(failures: readonly Failure[]): readonly string[] {
  const files = [...new Set(failures.map(({ file }) => file))]
  const isClear = files.every((file) => file !== '' && !proofs.includes(basename(file, '.test.ts')))
  return isClear && files.length <= mostFiles ? files : []
}

/**
 * The run, where those that failed were run again: what passed then is unsteady. What failed again, failed only then, or was left out
 * has failed.
 */
export function settled(first: Run, again: Run & { readonly passes: readonly Named[] }): Run {
  if (again.failures.some(({ file }) => file === '')) return first
  const [failed, passed] = [new Set(again.failures.map(key)), new Set(again.passes.map(key))]
  const rest = first.failures.filter((failure) => !failed.has(key(failure)))
  const unsteady = rest.filter((failure) => passed.has(key(failure)))
  const failures = [...again.failures, ...rest.filter((failure) => !passed.has(key(failure)))]
  return {
    outcome: { ...first.outcome, passed: first.outcome.passed + unsteady.length, failed: failures.length },
    failures,
    unsteady,
  }
}

type Named = Pick<Failure, 'file' | 'test'>
const key = ({ file, test }: Named): string => `${file} ${test}`
