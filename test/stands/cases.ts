import { afterAll, beforeAll, describe, test } from 'vitest'
import { untried } from '../conformance/untried.ts'
import type { OpenBackend, RealBackend } from './backend.ts'
import { noteFigure } from './figures.ts'
import { wholeFlow } from './flow.ts'
import { madeByApi } from './made-by-api.ts'
import { holdTimes, longOutage, outage, shortOutage } from './outage.ts'
import { overhead } from './overhead.ts'
import { createStandSite } from './site.ts'
import type { StandSite } from './site.ts'
import { stopsDuringCreate } from './stops-during-create.ts'

const minute = 60_000
/** Asks for the long form: sixty seconds of outage with ten sessions in each phase. */
const isLong = (process.env['CARREL_STANDS_LONG'] ?? '') !== ''

/** What a whole installation does on a real backend, as a suite: call it in the backend's test file. */
export function standCases(name: string, open: OpenBackend): void {
  describe(`sessions on ${name}`, () => {
    let backend: RealBackend
    let stand: StandSite
    beforeAll(async () => {
      backend = await open()
      stand = await createStandSite(backend)
    }, 5 * minute)
    afterAll(async () => {
      await stand?.close()
      await backend?.close()
    }, 2 * minute)

    test(
      'a whole session: asked for, ready, entered by its door, stopped, and nothing is left',
      async () => {
        await wholeFlow(stand, backend)
      },
      10 * minute,
    )

    test(
      'a provider that is made through the API: its check tells bad credentials from good ones, and a whole session runs there',
      async () => {
        if (backend.byApi === undefined) return untried(backend).not.toHaveProperty('byApi')
        await madeByApi(stand, backend, backend.byApi)
      },
      10 * minute,
    )

    test(
      'stop is pressed at 20 points in time spread over a create: nothing is left',
      async () => {
        await stopsDuringCreate(stand, backend)
      },
      20 * minute,
    )
  })

  // Beside an installation that has nothing to do, but asks the backend all the same, nothing is measured.
  describe(`an installation alone on ${name}`, () => {
    let backend: RealBackend
    beforeAll(async () => {
      backend = await open()
    }, 5 * minute)
    afterAll(async () => {
      await backend?.close()
    }, 2 * minute)

    test(
      'the backend hangs with sessions in every phase: nothing changes wrongly, and all is right soon after',
      async () => {
        if (backend.viaProxies === undefined) return untried(backend).not.toHaveProperty('viaProxies')
        const how = isLong ? longOutage : shortOutage
        const figures = await outage(backend, how)
        const extent = `${how.perPhase} sessions in each phase, ${how.forMs / 1_000} s`
        noteFigure(name, `median start on another provider, before (${extent})`, figures.startBeforeMs)
        noteFigure(name, `median start on another provider, while it hung (${extent})`, figures.startMeanwhileMs)
        noteFigure(name, `all right again after (${extent})`, figures.allRightAfterMs)
        if (figures.sameWorkMs !== null)
          noteFigure(name, `the same work by plain calls, without an outage (${extent})`, figures.sameWorkMs)
        if (how.isStrict) holdTimes(figures)
      },
      40 * minute,
    )

    test(
      'what Carrel adds is measured beside a few raw calls, one and five at once',
      async () => {
        if (backend.raw === undefined) return untried(backend).not.toHaveProperty('raw')
        for (const { what, took } of await overhead(backend, backend.raw)) noteFigure(name, what, ...took)
      },
      30 * minute,
    )
  })
}
