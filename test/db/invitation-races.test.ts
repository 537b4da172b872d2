import { afterAll, beforeAll, expect, test } from 'vitest'
import { missing, proofLength, tell } from '../proof/length.ts'
import { runSchedule } from '../proof/invitations/schedule.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'

const shortRuns = 24
const {
  seed: firstSeed,
  runs,
  durationMs,
  named,
} = proofLength({ seed: 1, runs: shortRuns, durationMs: 60_000 }, 1_000)
/** Schedules beside one another: each has rows of its own. */
const beside = 4

let doors: DoorScene
beforeAll(async () => {
  doors = await createDoorScene({ poolSize: 24 })
})
afterAll(async () => await doors.close())

test('accept, enter, remove, revoke, expire, close, resend, remind and a failing mail server race: one wins, no door is left open, no link is new', async () => {
  const until = Date.now() + durationMs
  const wrong: { readonly seed: number; readonly breaches: readonly string[] }[] = []
  let [schedules, opened] = [0, 0]
  let next = firstSeed
  const inRow = async (): Promise<void> => {
    while (next < firstSeed + runs && (schedules < shortRuns || Date.now() < until)) {
      const seed = next++
      const { breaches, opened: here } = await runSchedule(doors, seed)
      opened += here
      schedules += 1
      if (breaches.length > 0) wrong.push({ seed, breaches })
    }
  }
  await Promise.all(Array.from({ length: beside }, inRow))
  expect(wrong).toEqual([])
  // Not every schedule opens a door.
  expect(schedules >= shortRuns && opened === 0, `of ${schedules} schedules none opened a door`).toBe(false)
  tell({
    cases: schedules,
    breaches: [],
    missed: named ? missing(schedules, runs, 'schedules') : null,
    notes: [`invitations: ${schedules} schedules from seed ${firstSeed}, ${opened} doors opened, 0 breaches`],
  })
}, 3_600_000)
