import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkCases } from './compute-check.ts'
import { credentialCases } from './compute-credentials.ts'
import type { Facets } from './compute-facets.ts'
import { faultCases } from './compute-faults.ts'
import { freshDeployment, sweep } from './compute-harness.ts'
import type { ComputeHarness } from './compute-harness.ts'
import { httpCases } from './compute-http.ts'
import { lifecycleCases } from './compute-lifecycle.ts'
import { manyCases } from './compute-many.ts'
import { mountCases } from './compute-mounts.ts'
import { pauseCases } from './compute-pause.ts'
import { listCases, raceCases } from './compute-races.ts'
import { expectNoReports, reportCases } from './compute-reports.ts'

/**
 * What every compute driver promises (ports/compute/provider.ts), as a suite: call it in a driver's test file.
 * `can` says, before anything is set up, which cases the driver can be put to; where it cannot, a test says so by name and
 * holds the harness to it.
 */
export function computeConformance(name: string, can: Facets, setup: () => Promise<ComputeHarness>): void {
  describe(`${name} keeps the promises of a compute provider`, () => {
    let harness: ComputeHarness
    const deployment = freshDeployment()
    beforeAll(async () => {
      harness = await setup()
    }, 300_000)
    afterAll(async () => {
      const left = await sweep(harness, deployment)
      await harness.close()
      expect(left).toEqual([])
    }, 120_000)

    const h = () => harness
    lifecycleCases(h, deployment, can)
    raceCases(h, deployment)
    listCases(h, deployment)
    manyCases(h, can)
    if (can.faults) faultCases(h, deployment)
    else
      test('WITHOUT FAULTS: nothing stands between this driver and its backend', () =>
        expect(h().faults).toBeUndefined())
    if (can.http === true) httpCases(h, deployment)
    else
      test('WITHOUT HTTP: no proxy of HTTP stands between this driver and its backend', () =>
        expect(h().faults?.http).toBeUndefined())
    credentialCases(h, deployment, can)
    pauseCases(h, deployment)
    checkCases(h, deployment)
    if (can.mounts) mountCases(h, deployment, can)
    else
      test('WITHOUT MOUNTS: this driver mounts nothing, and says so', () => {
        expect(h().mounts).toBeUndefined()
        expect(h().provider.capabilities.mounts).toBe(false)
      })
    if (can.reports === true) reportCases(h, deployment)
    else
      test('WITHOUT REPORTS: instances of this harness do not report their ports', async () =>
        await expectNoReports(h, deployment))
    if (can.answers === false)
      test('WITHOUT ANSWERS: nothing really runs in the instances of this backend', () =>
        expect(h().statusOf).toBeUndefined())
  })
}
