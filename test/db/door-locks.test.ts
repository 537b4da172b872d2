import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { putCollaborator, removeCollaborator } from '../../db/collaborators.ts'
import type { CollaboratorChange } from '../../db/collaborators.ts'
import type { Db } from '../../db/connect.ts'
import { noteUse } from '../../db/outside-accounts.ts'
import { wantUse, withdrawUses } from '../../db/outside-uses.ts'
import { abandonSession } from '../../db/endings.ts'
import { requestStop } from '../../db/intents.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import type { DoorMode } from '../../domain/template.ts'
import { untilBlocked } from '../setup/blocked.ts'
import { createDoorScene, hostOf } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'

let scene: DoorScene
let db: Db
let owner: Visitor
let guest: Visitor
let key: SessionKey
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
})
afterAll(async () => await scene.close())
beforeEach(async () => {
  owner = await scene.visitor()
  guest = await scene.visitor()
  key = await scene.ready(owner)
})

const put = async (accountId: AccountId, mode: DoorMode): Promise<CollaboratorChange> =>
  await db.transaction().execute(async (trx) => await putCollaborator(trx, key.sessionId, { accountId, mode }, null))

/** Holds the session, lets the others queue up for it in this order, and lets go. */
async function queued<T>(deeds: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
  const begun: Promise<T>[] = []
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('session').select('id').where('id', '=', key.sessionId).forNoKeyUpdate().execute()
    for (const deed of deeds) {
      const one = deed()
      one.catch(() => {})
      begun.push(one)
      await untilBlocked(db, begun.length)
    }
  })
  return await Promise.allSettled(begun)
}

describe('who changes what a guest may do waits for the others, and nobody for both', () => {
  test('the mode of one who is just being removed', async () => {
    await scene.invite(key, guest.accountId, 'view')
    const results = await queued<unknown>([
      async () => await put(guest.accountId, 'control'),
      async () =>
        await db.transaction().execute(async (trx) => await removeCollaborator(trx, key.sessionId, guest.accountId)),
    ])
    expect(results).toEqual([
      { status: 'fulfilled', value: 'done' },
      { status: 'fulfilled', value: 'done' },
    ])
  })

  test('one who just comes in', async () => {
    await scene.invite(key, guest.accountId, 'control')
    const ticket = await scene.ticket(key, guest)
    const results = await queued<unknown>([
      async () => await put(guest.accountId, 'view'),
      async () => (await scene.gateway.redeem(ticket, hostOf(key), [])).kind,
    ])
    expect(results).toEqual([
      { status: 'fulfilled', value: 'done' },
      { status: 'fulfilled', value: 'refused' },
    ])
  })

  test('a use outside that is wanted again as it is withdrawn', async () => {
    const use = { ...key, door: 'desktop', mode: 'control' as const, accountId: owner.accountId }
    const want = async () => await db.transaction().execute(async (trx) => await wantUse(trx, use))
    await want()
    await noteUse(db, use)
    const results = await queued<unknown>([want, async () => await withdrawUses(db, [use])])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })
})

test('whoever comes in as the session is stopped is not let in, and adds nothing to its history', async () => {
  const ticket = await scene.ticket(key, owner)
  const redeeming = await db.transaction().execute(async (trx) => {
    await requestStop(trx, key.sessionId, 'user')
    const redeemed = scene.gateway.redeem(ticket, hostOf(key), [])
    await untilBlocked(db)
    return { redeemed }
  })
  expect(await redeeming.redeemed).toEqual({ kind: 'refused', code: 'ended' })
  expect((await scene.events(key)).map(({ type }) => type)).not.toContain('connection.opened')
})

test('a door that answers again after the end repairs nothing', async () => {
  await scene.gateway.reportDoor(key.sessionId, 'web', 'unreachable')
  await scene.rows.scene(key, { state: 'stopping' })
  await abandonSession(db, key)
  const before = (await scene.events(key)).length
  await scene.gateway.reportDoor(key.sessionId, 'web', 'ok')
  expect((await scene.events(key)).slice(before)).toEqual([])
})

test('an owner who may not use the session any more lets nobody else in', async () => {
  const other = await scene.visitor()
  const projectId = await scene.rows.project(other.accountId)
  await db
    .insertInto('project_member')
    .values({ project_id: projectId, account_id: owner.accountId, role: 'editor' })
    .onConflict((c) => c.doNothing())
    .execute()
  key = await scene.ready({ ...owner, projectId })
  await db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', projectId).execute()
  expect(await put(guest.accountId, 'view')).toBe('done')
  await db
    .updateTable('project_member')
    .set({ role: 'viewer' })
    .where('project_id', '=', projectId)
    .where('account_id', '=', owner.accountId)
    .execute()
  expect(await put(guest.accountId, 'control')).toBe('no_right')
})
