import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { claimKey } from '../../db/idempotency.ts'
import { disableAccount } from '../../db/account-standing.ts'
import { createAccount } from '../../db/accounts.ts'
import type { Db } from '../../db/connect.ts'
import { eraseNext } from '../../db/erasure.ts'
import { insertProject } from '../../db/projects.ts'
import { putMember } from '../../db/project-members.ts'
import { withoutName } from '../../db/retention.ts'
import { createToken } from '../../db/tokens.ts'
import { admitSession } from '../../db/admission.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId } from '../../domain/ids.ts'
import { endedSession, endNow, rowsOf, typed } from '../setup/aged.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows({ startLimit: 1_000 })
  db = rows.db
})
afterAll(async () => await rows.close())

let ada: Owner
beforeEach(async () => {
  ada = await accountOfAda()
})

/** An account with everything that one may have. */
async function accountOfAda(): Promise<Owner> {
  const id = newId('account')
  return await db.transaction().execute(async (trx) => {
    await createAccount(trx, {
      id,
      displayName: 'Ada Lovelace',
      email: 'ada@example.org',
      organisation: 'Ada Analytical',
      roles: ['member', 'operator'],
      groups: ['ada-friends'],
      posix: { user: 'ada', uid: 1815, gid: 1815, gids: [] },
    })
    await trx
      .insertInto('identity')
      .values({ issuer: 'https://idp.example.org', subject: `ada-${id}`, account_id: id })
      .execute()
    await createToken(trx, {
      id: newId('token'),
      accountId: id,
      client: 'adas-laptop',
      name: 'Ada at home',
      scopes: ['read'],
      expiresAt: new Date(Date.now() + 3_600_000),
    })
    await claimKey(
      trx,
      { accountId: id, client: 'adas-laptop', operation: 'test', key: 'ada', bodyHmac: 'x', isSameBody: () => true },
      id,
    )
    const personal = await trx
      .updateTable('project')
      .set({ name: "Ada's", description: 'Ada only' })
      .where('personal_of', '=', id)
      .returning('id')
      .executeTakeFirstOrThrow()
    return { accountId: id, projectId: personal.id }
  })
}

/** As the API does: disabled, its sessions asked to stop, and to be erased. */
async function askToErase(id: AccountId): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await disableAccount(trx, id)
    await trx
      .updateTable('account')
      .set({ erase_requested_at: sql<Date>`now()` })
      .where('id', '=', id)
      .execute()
  })
}

const accountRow = async (id: AccountId) =>
  await db.selectFrom('account').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const projectRow = async (id: ProjectId) =>
  await db.selectFrom('project').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const membersOf = async (id: ProjectId) =>
  (await db.selectFrom('project_member').select('account_id').where('project_id', '=', id).execute()).map(
    (row) => row.account_id,
  )
async function shared(owner: AccountId, ...editors: AccountId[]): Promise<ProjectId> {
  const id = newId('project')
  await db.transaction().execute(async (trx) => {
    await insertProject(trx, { id, name: 'shared', description: '', ownerId: owner })
    for (const accountId of editors) await putMember(trx, id, { accountId, role: 'editor' }, null)
  })
  return id
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** Every word in the database, but secrets as bytes, and random ones, which may begin with anybody's name. */
async function everyWord(): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(db)
  const texts: string[] = []
  for (const { name } of tables) {
    const content = await sql`select to_jsonb(t) as row from ${sql.table(name)} t`.execute(db)
    texts.push(JSON.stringify(content.rows))
  }
  return texts.join('\n').replaceAll(uuid, '')
}

test('nothing that says who it was is left anywhere, and its usage is', async () => {
  const key = await endedSession(rows, ada, 1)
  const used = await db.selectFrom('session_usage').selectAll().where('account_id', '=', ada.accountId).execute()
  expect(await everyWord()).toMatch(/ada/i)
  await askToErase(ada.accountId)
  expect(await eraseNext(db)).toEqual({ done: 1, more: true })
  expect(await eraseNext(db)).toEqual({ done: 0, more: false })

  expect(await everyWord()).not.toMatch(/\bada|lovelace/i)
  expect(await accountRow(ada.accountId)).toMatchObject({
    display_name: withoutName,
    email: null,
    organisation: null,
    posix: null,
    groups: [],
    roles: ['member'],
    disabled_at: expect.any(Date),
    erased_at: expect.any(Date),
  })
  expect(await projectRow(ada.projectId)).toMatchObject({
    name: withoutName,
    description: '',
    personal_of: ada.accountId,
  })
  const tokens = await db.selectFrom('token').selectAll().where('account_id', '=', ada.accountId).execute()
  expect(tokens).toMatchObject([{ name: withoutName, client: withoutName, revoked_at: expect.any(Date) }])
  expect(await rowsOf(db, key)).toMatchObject({ session: 1, usage: 1 })
  expect(used).toHaveLength(1)
  expect(await db.selectFrom('session_usage').selectAll().where('account_id', '=', ada.accountId).execute()).toEqual(
    used,
  )
  const line = db.selectFrom('audit_event').select(['subject_id', 'client']).where('action', '=', 'eraseAccount')
  expect(await line.where('subject_id', '=', ada.accountId).execute()).toEqual([
    { subject_id: ada.accountId, client: 'retention' },
  ])
})

test('it waits for the last of its sessions to end, and nobody is erased unasked', async () => {
  const live = await rows.session(ada, typed)
  await admitSession(db, live)
  const bystander = await accountOfAda()
  await askToErase(ada.accountId)
  expect(await eraseNext(db)).toEqual({ done: 0, more: false })
  expect(await accountRow(ada.accountId)).toMatchObject({ display_name: 'Ada Lovelace', erased_at: null })
  await endNow(db, live)
  expect(await eraseNext(db)).toEqual({ done: 1, more: true })
  expect(await accountRow(bystander.accountId)).toMatchObject({ display_name: 'Ada Lovelace', erased_at: null })
})

test('one whose session is just being written waits for it', async () => {
  // somebody:  lock the account, insert a session ···························· commit
  // operator:                                      asks to erase it (waits) ········· asked
  // erasure:                                       nobody to erase                    sees the live session
  const asked: Promise<unknown>[] = []
  const key = await db.transaction().execute(async (trx) => {
    const inserted = await rows.session(ada, typed, trx)
    asked.push(askToErase(ada.accountId))
    expect(await eraseNext(db)).toEqual({ done: 0, more: false })
    return inserted
  })
  await Promise.all(asked)
  expect(await eraseNext(db)).toEqual({ done: 0, more: false })
  await endNow(db, key)
  expect(await eraseNext(db)).toEqual({ done: 1, more: true })
})

test('many sessions are cleared a batch at a time, and the account after the last', async () => {
  const { sessionId } = await endedSession(rows, ada, 1)
  await sql`
    insert into session select copy.* from session s, generate_series(1, 501) n,
      jsonb_populate_record(s, jsonb_build_object('id', s.id || 'x' || n)) copy where s.id = ${sessionId}`.execute(db)
  await askToErase(ada.accountId)
  expect(await eraseNext(db)).toEqual({ done: 0, more: true })
  expect(await accountRow(ada.accountId)).toMatchObject({ display_name: 'Ada Lovelace' })
  expect(await eraseNext(db)).toEqual({ done: 1, more: true })
  const names = await db.selectFrom('session').select('name').distinct().where('owner_id', '=', ada.accountId).execute()
  expect(names).toEqual([{ name: withoutName }])
})

describe('in the projects of others', () => {
  test('it is no member any more', async () => {
    const bob = await rows.account()
    const project = await shared(bob.accountId, ada.accountId)
    await askToErase(ada.accountId)
    await eraseNext(db)
    expect(await membersOf(project)).toEqual([bob.accountId])
    expect(await projectRow(project)).toMatchObject({ closed_at: null, name: 'shared' })
    expect(await membersOf(ada.projectId)).toEqual([ada.accountId])
  })

  test('one that nobody else owns is closed, and the sessions of its other members are asked to stop', async () => {
    const bob = await rows.account()
    const project = await shared(ada.accountId, bob.accountId)
    const owned = await shared(ada.accountId, bob.accountId)
    await db
      .transaction()
      .execute(async (trx) => await putMember(trx, owned, { accountId: bob.accountId, role: 'owner' }, null))
    const [inClosed, inOwned] = [
      await rows.session({ ...bob, projectId: project }),
      await rows.session({ ...bob, projectId: owned }),
    ]
    await askToErase(ada.accountId)
    await eraseNext(db)
    expect(await projectRow(project)).toMatchObject({ closed_at: expect.any(Date) })
    expect(await projectRow(owned)).toMatchObject({ closed_at: null })
    expect([await membersOf(project), await membersOf(owned)]).toEqual([[bob.accountId], [bob.accountId]])
    const reasonOf = async ({ sessionId }: { readonly sessionId: string }) =>
      await sql<{ r: string | null }>`select stop_reason as r from session where id = ${sessionId}`.execute(db)
    expect((await reasonOf(inClosed)).rows).toEqual([{ r: 'project_closed' }])
    expect((await reasonOf(inOwned)).rows).toEqual([{ r: null }])
    expect(
      await db.selectFrom('audit_event').select('subject_id').where('action', '=', 'closeProject').execute(),
    ).toEqual([{ subject_id: project }])
  })
})

test('two that erase at once erase each account once', async () => {
  const others = [await accountOfAda(), await accountOfAda()]
  for (const { accountId } of [ada, ...others]) await askToErase(accountId)
  const lane = async () => {
    let done = 0
    for (let more = true; more;) {
      const batch = await eraseNext(db)
      done += batch.done
      more = batch.more
    }
    return done
  }
  const done = await Promise.all([lane(), lane(), lane()])
  expect(done.reduce((a, b) => a + b)).toBe(3)
  const lines = db.selectFrom('audit_event').select('subject_id').where('action', '=', 'eraseAccount')
  for (const { accountId } of [ada, ...others])
    expect(await lines.where('subject_id', '=', accountId).execute()).toHaveLength(1)
})
