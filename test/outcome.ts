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
})

/**
 * What vitest's JSON report says. A run without one, or one that ended badly although no test failed (a file that could
 * not be loaded, an error nobody caught, a server that did not start, time that was up), counts as one failure more.
 */
export function outcomeOf(text: string | undefined, exitCode: number | null): Outcome {
  const found = report.safeParse(text === undefined ? undefined : JSON.parse(text)).data
  if (found === undefined) return { ...zero, failed: 1 }
  const failed = found.numFailedTests + (exitCode !== 0 && found.numFailedTests === 0 ? 1 : 0)
  return { passed: found.numPassedTests, failed, skipped: found.numPendingTests + found.numTodoTests }
}
