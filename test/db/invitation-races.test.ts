import { afterAll, beforeAll, expect, test } from 'vitest'
import { missing, proofLength, tell } from '../proof/length.ts'
import { runSchedule } from '../proof/invitations/schedule.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

const { seed: firstSeed, runs, durationMs, named } = proofLength({ seed: 1, runs: 30, durationMs: 60_000 }, 1_000)
/** Schedules beside one another: each has rows of its own. */
const beside = 4

let rows: Rows
beforeAll(async () => {
  rows = await createRows({ poolSize: 24 })
})
afterAll(async () => await rows.close())

test('accept, revoke, expire, close, resend and a failing mail server race: one wins, nobody is in by a lost offer, no link is new', async () => {
  const until = Date.now() + durationMs
  const wrong: { readonly seed: number; readonly breaches: readonly string[] }[] = []
  let schedules = 0
  let next = firstSeed
  const inRow = async (): Promise<void> => {
    while (next < firstSeed + runs && (schedules < 30 || Date.now() < until)) {
      const seed = next++
      const breaches = await runSchedule(rows, seed)
      schedules += 1
      if (breaches.length > 0) wrong.push({ seed, breaches })
    }
  }
  await Promise.all(Array.from({ length: beside }, inRow))
  expect(wrong).toEqual([])
  tell({
    cases: schedules,
    breaches: [],
    missed: named ? missing(schedules, runs, 'schedules') : null,
    notes: [`invitations: ${schedules} schedules from seed ${firstSeed}, 0 breaches`],
  })
}, 3_600_000)
