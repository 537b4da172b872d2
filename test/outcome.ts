import { z } from 'zod'

/** How many tests of a run did what. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const zero: Outcome = { passed: 0, failed: 0, skipped: 0 }

export const plus = (a: Outcome, b: Outcome): Outcome => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
})

export const summary = ({ passed, failed, skipped }: Outcome): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

const report = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int().default(0),
  testResults: z
    .array(
      z.object({
        name: z.string(),
        status: z.string(),
        message: z.string().default(''),
        assertionResults: z
          .array(
            z.object({
              fullName: z.string(),
              status: z.string(),
              failureMessages: z.array(z.string()).nullish(),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
})

function read(text: string | undefined): z.output<typeof report> | undefined {
  try {
    return report.parse(JSON.parse(text ?? ''))
  } catch {
    return undefined
  }
}

/**
 * What vitest's JSON report says. A run without one, or one that ended badly although no test failed (a file that could
 * not be loaded, an error nobody caught, a server that did not start, time that was up), counts as one failure more.
 */
export function outcomeOf(text: string | undefined, exitCode: number | null): Outcome {
  const found = read(text)
  if (found === undefined) return { ...zero, failed: 1 }
  const failed = found.numFailedTests + (exitCode !== 0 && found.numFailedTests === 0 ? 1 : 0)
  return { passed: found.numPassedTests, failed, skipped: found.numPendingTests + found.numTodoTests }
}

/** Something that failed: a test, a whole file (then `test` says so), or the run itself (then `file` is empty). */
export interface Failure {
  readonly file: string
  readonly test: string
  /** Its first error, with the stack where there is one. */
  readonly message: string
}

const wholeFile = '(the file itself)'

/**
 * Everything that failed in a run, as its report tells it; and the run, where its time was up, where something threw what nobody
 * caught, or where it ended badly and no test says why.
 */
export function failuresOf(text: string | undefined, exitCode: number | null, uncaught = ''): readonly Failure[] {
  const failures = (read(text)?.testResults ?? []).flatMap(({ name, status, message, assertionResults }): Failure[] => {
    const tests = assertionResults
      .filter((one) => one.status === 'failed')
      .map((one) => ({ file: name, test: one.fullName, message: one.failureMessages?.[0] ?? '' }))
    const isFileItself = status === 'failed' && (tests.length === 0 || message !== '')
    return isFileItself ? [...tests, { file: name, test: wholeFile, message }] : tests
  })
  const ofRun = (message: string): Failure[] => [...failures, { file: '', test: '(the run itself)', message }]
  if (exitCode === null) return ofRun('its time was up')
  if (uncaught !== '') return ofRun(`nobody caught: ${uncaught}`)
  if (failures.length > 0 || (exitCode === 0 && read(text) !== undefined)) return failures
  return ofRun(`it ended with ${exitCode} and no test says why: see its output`)
}

/** Every test that passed, and every file that did and has one: what was left out has not passed. */
export function passesOf(text: string | undefined): readonly Pick<Failure, 'file' | 'test'>[] {
  return (read(text)?.testResults ?? []).flatMap(({ name: file, status, assertionResults }) => {
    const tests = assertionResults
      .filter((one) => one.status === 'passed')
      .map(({ fullName: test }) => ({ file, test }))
    return status === 'passed' && tests.length > 0 ? [...tests, { file, test: wholeFile }] : tests
  })
}
