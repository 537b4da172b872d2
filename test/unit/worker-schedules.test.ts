import { ScheduleNotFoundError } from '@temporalio/client'
import { expect, test } from 'vitest'
import { defaultTimings } from '../../domain/timings.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { createFakeCatalogue } from '../../ports/identity/catalogue/fake/catalogue.ts'
import { forgetCatalogues, plannedSchedules } from '../../worker/schedules.ts'
import type { Schedules } from '../../worker/schedules.ts'

function schedulesOf(ids: readonly string[], deleteOne: (id: string) => Promise<unknown>): Schedules {
  return {
    async *list() {
      for (const scheduleId of ids) yield await Promise.resolve({ scheduleId })
    },
    getHandle: (id) => ({ delete: async () => await deleteOne(id) }),
  }
}

const office = { catalogue: createFakeCatalogue('person'), issuers: [] }
const plans = plannedSchedules(['fake' as ProviderId], defaultTimings, {
  sources: new Map([['office', office]]),
  everyMs: 3_600_000,
})

test('catalogues that are configured no more are asked no more, and nothing else is touched', async () => {
  const planned = plans.map(({ scheduleId }) => scheduleId)
  expect(planned).toContain('catalogue/office')
  const deleted: string[] = []
  const there = [...planned, 'catalogue/gone', 'catalogue/office-2', 'reconcile/other', 'catalogues']
  const gone = await forgetCatalogues(
    schedulesOf(there, async (id) => await Promise.resolve(deleted.push(id))),
    plans,
  )
  expect(deleted).toEqual(['catalogue/gone', 'catalogue/office-2'])
  expect(gone).toEqual(deleted)
})

test('that another worker deleted one first is no failure', async () => {
  const gone = schedulesOf(['catalogue/gone'], async (id) => {
    await Promise.resolve()
    throw new ScheduleNotFoundError('There is none.', id)
  })
  expect(await forgetCatalogues(gone, plans)).toEqual(['catalogue/gone'])
})
