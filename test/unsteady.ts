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
  'races',
  'sweep-safety',
]

/** The files to be run again, alone: none where something failed that one more run cannot clear. */
export function worthAnotherRun(failures: readonly Failure[]): readonly string[] {
  const files = [...new Set(failures.map(({ file }) => file))]
  const isClear = files.every((file) => file !== '' && !proofs.includes(basename(file, '.test.ts')))
  return isClear && files.length <= mostFiles ? files : []
}

/** The run, where those that failed were run again: what failed both times has failed, and whatever failed in the second. */
export function settled(first: Run, again: Run): Run {
  const key = ({ file, test }: Failure) => `${file} ${test}`
  const still = new Set(again.failures.map(key))
  const failures = again.failures.some(({ file }) => file === '') ? first.failures : again.failures
  const unsteady = failures === first.failures ? [] : first.failures.filter((failure) => !still.has(key(failure)))
  return {
    outcome: { ...first.outcome, passed: first.outcome.passed + unsteady.length, failed: failures.length },
    failures,
    unsteady,
  }
}
