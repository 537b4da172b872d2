import { afterAll, beforeAll, describe, expect } from 'vitest'
import { closeCases } from './access-closing.ts'
import { faultCases } from './access-faults.ts'
import { freshDeployment } from './access-harness.ts'
import type { AccessHarness } from './access-harness.ts'
import { openCases } from './access-opening.ts'

/** What every driver promises (ports/access/access-gateway.ts), as a suite: call it in a driver's test file. */
export function accessConformance(name: string, setup: () => Promise<AccessHarness>): void {
  describe(`${name} keeps the promises of an access gateway`, { timeout: 60_000 }, () => {
    let harness: AccessHarness
    const deployment = freshDeployment()
    beforeAll(async () => {
      harness = await setup()
    })
    afterAll(async () => {
      const left = harness.leftovers(deployment)
      await harness.close()
      // Every case closes what it opened.
      expect(left).toEqual([])
    })
    const h = () => harness
    openCases(h, deployment)
    closeCases(h, deployment)
    faultCases(h, deployment)
  })
}
