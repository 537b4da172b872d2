import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableAccount } from '../../db/account-standing.ts'
import type { Db } from '../../db/connect.ts'
import { toStopping } from '../../db/endings.ts'
import { unlinkIdentity } from '../../db/identities.ts'
import { requestStop } from '../../db/intents.ts'
import { createListener } from '../../db/listen.ts'
import { putMember, removeMember } from '../../db/project-members.ts'
import { revokeToken } from '../../db/tokens.ts'
import { newId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createDoorScene, hostOf } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'

let scene: DoorScene
let db: Db
beforeAll(async () => {
  scene = await createDoorScene()
  db = scene.rows.db
})
afterAll(async () => await scene.close())

const kindOf = async (pass: string, of: SessionKey) => (await scene.gateway.check(pass, hostOf(of))).kind
const stop = async ({ sessionId }: SessionKey) =>
  await db.transaction().execute(async (trx) => await requestStop(trx, sessionId, 'user'))

/** What takes the right behind a guest's pass away, and what the gateway says then. */
const withdrawals: readonly (readonly [string, string, (of: SessionKey, who: Visitor) => Promise<unknown>])[] = [
  ['a stop that is asked for', 'ended', async (of) => await stop(of)],
  ['the stop itself', 'ended', async (of) => await toStopping(db, of, 'exited')],
  ['the wished end', 'ended', async (of) => await set(of, { expires_at: new Date(Date.now() - 1) })],
  ['the end of its lifetime', 'ended', async (of) => await set(of, { lifetime_ends_at: new Date(Date.now() - 1) })],
  ['the end of the pass', 'no_pass', async (of) => await expirePass(of)],
  [
    'the removal of the collaborator',
    'no_access',
    async (of) => await db.deleteFrom('collaborator').where('session_id', '=', of.sessionId).execute(),
  ],
  [
    'a lesser mode',
    'no_access',
    async (of) =>
      await db.updateTable('collaborator').set({ mode: 'view' }).where('session_id', '=', of.sessionId).execute(),
  ],
  ['the owner’s right to work in the project, lessened', 'no_access', async (of) => await ownerAs(of, 'viewer')],
  ['the owner’s right in the project', 'no_access', async (of) => await ownerAs(of, null)],
  ['sharing that the project switches off', 'no_access', async (of) => await share(of, 'off')],
  ['sharing with members alone', 'no_access', async (of) => await share(of, 'members')],
  [
    'the account that is disabled',
    'no_access',
    async (_, who) => await db.transaction().execute(async (trx) => await disableAccount(trx, who.accountId)),
  ],
  [
    'the token that is revoked',
    'no_access',
    async (_, who) => await db.transaction().execute(async (trx) => await revokeToken(trx, who.tokenId)),
  ],
  [
    'the token that expires',
    'no_access',
    async (_, who) =>
      await db
        .updateTable('token')
        .set({ expires_at: new Date(Date.now() - 1) })
        .where('id', '=', who.tokenId)
        .execute(),
  ],
]
const set = async ({ sessionId }: SessionKey, what: { expires_at?: Date; lifetime_ends_at?: Date }) =>
  await db.updateTable('session').set(what).where('id', '=', sessionId).execute()
const expirePass = async ({ sessionId }: SessionKey) =>
  await db
    .updateTable('door_pass')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('session_id', '=', sessionId)
    .execute()
const ownerAs = async ({ sessionId }: SessionKey, role: 'viewer' | null) =>
  role === null
    ? await sql`delete from project_member m using session s where s.id = ${sessionId}
        and m.project_id = s.project_id and m.account_id = s.owner_id`.execute(db)
    : await sql`update project_member m set role = ${role} from session s where s.id = ${sessionId}
        and m.project_id = s.project_id and m.account_id = s.owner_id`.execute(db)
const share = async ({ sessionId }: SessionKey, sharing: 'off' | 'members') =>
  await db
    .updateTable('project')
    .set({ sharing })
    .where('id', '=', (eb) => eb.selectFrom('session').select('project_id').where('id', '=', sessionId))
    .execute()

describe('the right behind a pass', () => {
  test.each(withdrawals)('ends with %s: %s', async (name, kind, withdraw) => {
    const [host, who] = [await scene.visitor(), await scene.visitor()]
    const of = await scene.ready(host)
    await scene.invite(of, who.accountId)
    const pass = await scene.enter(of, who)
    const id = await scene.passIdOf(of, who)
    expect(await kindOf(pass, of)).toBe('open')
    const heard = await hearing(async () => await withdraw(of, who))
    expect(await kindOf(pass, of)).toBe(kind)
    expect((await scene.gateway.recheck([id])).get(id)).toBe(kind)
    // Time alone tells nobody: gateways look every 2 s.
    if (name !== 'the end of the pass') expect(heard.some((payload) => ['', of.sessionId].includes(payload))).toBe(true)
  })

  test('in an experiment ends when that’s data is for the owner no more, or for whom the owner let in', async () => {
    const [host, guest] = [await scene.visitor(), await scene.visitor()]
    const of = await scene.ready(host)
    const id = newId('experiment')
    const { project_id } = await db
      .selectFrom('session')
      .select('project_id')
      .where('id', '=', of.sessionId)
      .executeTakeFirstOrThrow()
    await db.insertInto('project_member').values({ project_id, account_id: guest.accountId, role: 'viewer' }).execute()
    await db.insertInto('experiment').values({ id, project_id, name: 'Visit', instrument: null }).execute()
    await db.updateTable('session').set({ experiment_id: id }).where('id', '=', of.sessionId).execute()
    await scene.invite(of, guest.accountId)
    const passes = [await scene.enter(of, host), await scene.enter(of, guest)]
    const kinds = async () => await Promise.all(passes.map(async (pass) => await kindOf(pass, of)))
    const admit = async ({ accountId }: Visitor) =>
      await db.insertInto('experiment_member').values({ experiment_id: id, account_id: accountId }).execute()
    expect(await kinds()).toEqual(['open', 'open'])
    await db.updateTable('experiment').set({ audience: 'named' }).where('id', '=', id).execute()
    expect(await kinds()).toEqual(['no_access', 'no_access'])
    await admit(guest)
    // What an owner has lost, nobody has of them.
    expect(await kinds()).toEqual(['no_access', 'no_access'])
    await admit(host)
    expect(await kinds()).toEqual(['open', 'open'])
    await db.deleteFrom('experiment_member').where('account_id', '=', guest.accountId).execute()
    expect(await kinds()).toEqual(['open', 'no_access'])
    await db.updateTable('experiment').set({ withdrawn_at: new Date() }).where('id', '=', id).execute()
    expect(await kinds()).toEqual(['no_access', 'no_access'])
  })

  test('of an owner ends with the membership in the project, or with working there', async () => {
    const [lead, worker] = [await scene.visitor(), await scene.visitor()]
    const projectId = await scene.rows.project(lead.accountId)
    const member = async (role: 'editor' | 'viewer') =>
      await db
        .transaction()
        .execute(async (trx) => await putMember(trx, projectId, { accountId: worker.accountId, role }, null))
    await member('editor')
    const of = await scene.ready({ ...worker, projectId })
    const pass = await scene.enter(of, worker)
    expect(await hearing(async () => await member('viewer'))).toContain('')
    expect(await kindOf(pass, of)).toBe('no_access')
    await member('editor')
    expect(await kindOf(pass, of)).toBe('open')
    const remove = async () =>
      await db.transaction().execute(async (trx) => await removeMember(trx, projectId, worker.accountId))
    expect(await hearing(remove)).toContain('')
    expect(await kindOf(pass, of)).toBe('no_access')
  })

  test('of whom a portal acts for ends when that issuer knows them no more', async () => {
    const [host, portal] = [await scene.visitor(), await scene.visitor()]
    const key = { issuer: 'https://portal.example.org', subject: host.accountId }
    await db
      .insertInto('identity')
      .values({ ...key, account_id: host.accountId })
      .execute()
    const bound = { issuer: key.issuer, scopes: ['act-as' as const] }
    await db.updateTable('token').set(bound).where('id', '=', portal.tokenId).execute()
    const of = await scene.ready(host)
    const pass = await scene.enter(of, host, { tokenId: portal.tokenId })
    expect(await kindOf(pass, of)).toBe('open')
    await db.transaction().execute(async (trx) => await unlinkIdentity(trx, host.accountId, key))
    expect(await kindOf(pass, of)).toBe('no_access')
  })

  test('of whom a portal acts for ends with the portal, too', async () => {
    const [host, portal] = [await scene.visitor(), await scene.visitor()]
    const of = await scene.ready(host)
    const pass = await scene.enter(of, host, { tokenId: portal.tokenId })
    expect(await kindOf(pass, of)).toBe('open')
    await db.transaction().execute(async (trx) => await disableAccount(trx, portal.accountId))
    expect(await kindOf(pass, of)).toBe('no_access')
  })
})

/** What gateways hear while something is done. */
async function hearing(work: () => Promise<unknown>): Promise<string[]> {
  const listener = createListener(scene.rows.url)
  const heard: string[] = []
  let listens = false
  const off = listener.on('carrel_access', (payload) => (listens ? heard.push(payload) : (listens = true)))
  try {
    await expect.poll(() => listens, { timeout: 10_000 }).toBe(true)
    await work()
    await sql`select pg_notify('carrel_access', 'end')`.execute(db)
    await expect.poll(() => heard, { timeout: 10_000 }).toContain('end')
    return heard
  } finally {
    off()
    await listener.close()
  }
}
