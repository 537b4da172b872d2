import { expect, TestRunner } from 'vitest'
import type { Assertion } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    /** The case held a driver to its word that it cannot, and was not tried any further. */
    untried?: true
  }
}

/** Begins what a driver is held to in place of the case itself; reports then do not count the case as one that it passed. */
export function untried<T>(value: T): Assertion<void, T> {
  const running = TestRunner.getCurrentTest()
  if (running !== undefined) running.meta.untried = true
  // oxlint-disable-next-line vitest/valid-expect -- the caller says the rest
  return expect(value)
}
