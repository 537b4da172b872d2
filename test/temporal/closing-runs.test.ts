import { afterAll, beforeAll, expect, test } from 'vitest'
import { endSession } from '../../db/endings.ts'
import { releaseReservation } from '../../db/reservations.ts'
import { newId, sessionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { lookAgain } from '../../workflows/session.messages.ts'
import { balanced } from '../proof/balance.ts'
import { createFakeStand } from '../proof/faults/stand.ts'
import { createDesk } from '../proof/faults/desk.ts'
import type { Lead } from '../proof/faults/desk.ts'
import { nothing } from '../proof/faults/faults.ts'
import { gatedActivities, gatedProvider } from '../proof/faults/gated.ts'
import type { Ground } from '../proof/faults/ground.ts'
import { reachOf } from '../proof/faults/run-case.ts'
import { brokenTasks } from '../proof/faults/broken-tasks.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage } from './stage.ts'
import type { Stage } from './stage.ts'

const stand = createFakeStand(50)
const desk = createDesk(reachOf(() => ground))
let stage: Stage
let ground: Ground
let worker: Awaited<ReturnType<Stage['startWorkers']>>

beforeAll(async () => {
  stage = await createStage({ provider: gatedProvider(stand.provider, desk), timings: { cleanupOverdueMs: 500 } })
  ground = stand.ground(stage)
  worker = await stage.startWorkers(undefined, { interceptors: gatedActivities(desk) })
})
afterAll(async () => {
  ground?.close()
  await worker?.stop()
  await stage?.close()
})

/** A ready session whose activities come by `lead`. */
async function ready(lead: Lead): Promise<SessionId> {
  const id = newId('session')
  desk.plan({ subject: id, activity: '', fault: nothing, lead })
  await ask(stage.db, await addAccount(stage.db), { id })
  expect(await ground.until(id, ['ready'], 60_000)).not.toBeNull()
  return id
}

const several = Array.from({ length: 6 }, (_, n) => n)

test('an alarm that is raised in the moment in which nothing is left any more breaks no run', async () => {
  // alarm:  ──fires── cleanupOverdue ──────────────┐ both answers come at once
  // undo:   ── removeInstance ── releaseReservation ┘
  const ids = await Promise.all(
    several.map(async () => {
      const met = { cleanupOverdue: Promise.withResolvers<void>(), releaseReservation: Promise.withResolvers<void>() }
      const id = await ready(async ({ activity, place }) => {
        if (place !== 'after' || !Object.hasOwn(met, activity)) return null
        met[activity as keyof typeof met].resolve()
        await Promise.all([met.cleanupOverdue.promise, met.releaseReservation.promise])
        return null
      })
      await ground.stop(id)
      await ground.until(id, ['stopped'], 60_000)
      return id
    }),
  )
  expect(await balanced(ground, { allEnded: true, sessions: ids }, 30_000)).toEqual([])
  expect(await brokenTasks(stage.client, ids.map(sessionWorkflowId))).toEqual([])
})

test('a run that finds its session at an end does not close before it is done with the books', async () => {
  // a task that the server did not take: ── release ── end ── ✗ (but done is done)
  // the next one:  ── removed ── release ───────────────────────── answers ── closed
  //                ── signal ── look: it has ended ·· (not closed) ·┘
  const early: string[] = []
  const ids = await Promise.all(
    several.map(async () => {
      const began = Promise.withResolvers<void>()
      const looked = Promise.withResolvers<void>()
      let ended = false
      const id = await ready(async ({ activity, place }) => {
        if (place !== 'after') return null
        if (activity === 'look' && ended) looked.resolve()
        if (activity === 'releaseReservation') {
          began.resolve()
          await looked.promise
          if (await closes(id)) early.push(id)
        }
        return null
      })
      await ground.stop(id)
      await began.promise
      const key = { sessionId: id, generation: 1 }
      await releaseReservation(stage.db, key)
      expect((await endSession(stage.db, key)).kind).toBe('moved')
      ended = true
      await stage.client.workflow.getHandle(sessionWorkflowId(id)).signal(lookAgain)
      return id
    }),
  )
  expect(await balanced(ground, { allEnded: true, sessions: ids }, 30_000)).toEqual([])
  expect(early).toEqual([])
})

/** Whether the run of the session closes within a moment. */
async function closes(id: SessionId): Promise<boolean> {
  const deadline = Date.now() + 1_000
  while (Date.now() < deadline) {
    const { status } = await stage.client.workflow.getHandle(sessionWorkflowId(id)).describe()
    if (status.name !== 'RUNNING') return true
  }
  return false
}
