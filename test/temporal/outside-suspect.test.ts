import { afterAll, beforeAll, expect, test } from 'vitest'
import { removeCollaborator } from '../../db/collaborators.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { guestOfSession, openDesk } from './outside-stage.ts'
import { createStage, eventually, stateOf, stop } from './stage.ts'
import type { Stage } from './stage.ts'

const access = createFakeAccessGateway()
let stage: Stage
let workers: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider: createFakeProvider({ endpoint: 'serve' }),
    template: { doors: deskDoor, sharing: 'invited' },
    timings: { watchDoorsMs: 200, listDoorsMs: 200 },
  })
  workers = await stage.startWorkers(['core', 'access', 'provider/*'], { openAccess: () => access })
})
afterAll(async () => {
  await workers?.stop()
  await stage?.close()
})

test('doors are opened and withdrawn while the instance is looked at and nobody can say how it is', async () => {
  const { db } = stage
  const { id, guest } = await guestOfSession(stage)
  await workers.stop()
  // Nobody serves the provider: what is asked of the instance is not answered.
  workers = await stage.startWorkers(['core', 'access'], { openAccess: () => access })
  await db.updateTable('instance').set({ seen: 'paused' }).where('session_id', '=', id).execute()

  const { use } = await openDesk(stage, id, guest.accountId)
  await db.transaction().execute(async (trx) => await removeCollaborator(trx, id, use.accountId))
  await eventually('the door is withdrawn', async () => {
    const row = await db
      .selectFrom('outside_use')
      .select('withdrawn_at')
      .where('session_id', '=', id)
      .executeTakeFirst()
    return row?.withdrawn_at !== null && row !== undefined
  })
  expect((await stateOf(db, id)).state).toBe('ready')
  await stop(db, id)
})
