import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { claimInvitations, forgetInvitations, waitingMails } from '../../db/invitation-deliveries.ts'
import { forgetInvitationsOf } from '../../db/invitation-erasure.ts'
import { readInvitationEvents } from '../../db/invitation-events.ts'
import { getInvitation } from '../../db/invitations.ts'
import { doThis, work } from '../proof/invitations/doings.ts'
import { openScene, timings } from '../proof/invitations/scene.ts'
import type { Scene } from '../proof/invitations/scene.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'
import type { Rows } from '../setup/rows.ts'

let doors: DoorScene
let rows: Rows
let scene: Scene
beforeAll(async () => {
  doors = await createDoorScene()
  ;({ rows } = doors)
})
afterAll(async () => await doors.close())
beforeEach(async () => {
  scene = await openScene(doors, 'project', false)
})

const read = async () => {
  const invitation = await getInvitation(rows.db, scene.id)
  if (invitation === null) throw new Error('It is gone.')
  return invitation
}
const send = async () => await scene.mail.sendInvitation({ id: scene.id, number: 1, timings })

test('a mail is tried by one worker at a time, and goes out once', async () => {
  // A: note the try ── send (waits for the server) ── note what came of it
  // B:          note the try: busy
  await Promise.all([send(), send(), send()])
  expect(scene.mailer.taken).toHaveLength(1)
  await send()
  expect(scene.mailer.tries()).toBe(1)
  expect(await read()).toMatchObject({ state: 'sent', mailsSent: 1, sending: null })
})

test('nothing is sent for what has ended, or for what its inviter may not offer any more', async () => {
  await doThis(scene, 'revoke')
  await send()
  const lost = await openScene(doors, 'project', false)
  await doThis(lost, 'loseRight')
  await lost.mail.sendInvitation({ id: lost.id, number: 1, timings })
  expect([scene.mailer.tries(), lost.mailer.tries()]).toEqual([0, 0])
})

test('a copy of the installation writes to nobody', async () => {
  await rows.db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'copied' }).execute()
  try {
    await expect(send()).rejects.toThrow('disarmed')
    expect(scene.mailer.tries()).toBe(0)
  } finally {
    await rows.db.updateTable('installation').set({ disarmed_at: null, disarmed_reason: null }).execute()
  }
})

test('a mail that waits is seen, and given up in the end with its reason', async () => {
  scene.mailer.goDown()
  await send()
  expect((await read()).sending).toMatchObject({ problem: 'unreachable', tries: 1 })
  expect((await waitingMails(rows.db)).delayed).toBeGreaterThan(0)
  await sql`update invitation_mail set wanted_at = now() - interval '73 hours' where invitation_id = ${scene.id}`.execute(
    rows.db,
  )
  await work(scene)
  expect(await read()).toMatchObject({ state: 'bounced', reason: 'unreachable' })
  const events = await readInvitationEvents(rows.db, scene.id)
  expect(events.map(({ type, data }) => [type, data])).toEqual([
    ['invitation.state', { state: 'sending' }],
    ['invitation.mail_wanted', { kind: 'first' }],
    ['invitation.mail_delayed', { code: 'unreachable' }],
    ['invitation.state', { state: 'bounced', reason: 'unreachable' }],
  ])
})

test('a workflow is told of what it has not seen, once, and again where it did not do what was due', async () => {
  const mine = async () => (await claimInvitations(rows.db, 1_000)).filter((id) => id === scene.id)
  const both = await Promise.all([mine(), mine()])
  expect(both.flat()).toEqual([scene.id])
  await work(scene)
  const pass = (ms: number) =>
    sql`update invitation set next_try_at = next_try_at - ${ms}::float8 * interval '1 millisecond'
      where id = ${scene.id}`.execute(rows.db)
  await pass(timings.checkInvitationMs)
  expect(await mine()).toEqual([])
  await pass(60_000)
  expect(await mine()).toEqual([scene.id])
  await work(scene)
  await rows.db
    .updateTable('account')
    .set({ disabled_at: new Date() })
    .where('id', '=', scene.inviter.accountId)
    .execute()
  expect(await mine()).toEqual([scene.id])
  await work(scene)
  expect(await read()).toMatchObject({ state: 'revoked', reason: 'account_disabled' })
})

test('of an account that is erased no address stays, and what it wrote is over', async () => {
  const { inviter, named, id } = scene
  await rows.db.transaction().execute(async (trx) => await forgetInvitationsOf(trx, named.accountId, [named.email]))
  expect(await read()).toMatchObject({ state: 'revoked', email: '' })
  const other = await openScene(doors, 'session', true)
  await rows.db.transaction().execute(async (trx) => await forgetInvitationsOf(trx, other.inviter.accountId, []))
  expect(await getInvitation(rows.db, other.id)).toMatchObject({ state: 'revoked', email: '' })
  expect(inviter.accountId).not.toBe(other.inviter.accountId)
  await sql`update invitation set ended_at = now() - interval '31 days' where id = ${id}`.execute(rows.db)
  expect((await forgetInvitations(rows.db)).done).toBe(1)
  expect(await getInvitation(rows.db, id)).toBe(null)
})
