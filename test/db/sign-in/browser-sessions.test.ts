import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  findBrowserSession,
  getBrowserSession,
  issuerTokensOf,
  listBrowserSessions,
  openBrowserSession,
  revokeAllOf,
  revokeBrowserSessions,
} from '../../../db/browser-sessions.ts'
import type { NewBrowserSession } from '../../../db/browser-sessions.ts'
import { stillHolds } from '../../../db/bearers.ts'
import { forgetSignIns } from '../../../db/sign-in-upkeep.ts'
import { touchToken } from '../../../db/tokens.ts'
import type { AccountId, TokenId } from '../../../domain/ids.ts'
import { startApi } from '../../setup/api.ts'
import type { TestApi } from '../../setup/api.ts'

const issuer = 'https://issuer.example.org'
const limits = { idleSeconds: 600, absoluteSeconds: 3_600 }

let api: TestApi
let accountId: AccountId
beforeAll(async () => {
  api = await startApi()
  accountId = (await api.person()).id
})
afterAll(() => api.close())

const open = async (more: Partial<NewBrowserSession> = {}) =>
  await api.db
    .transaction()
    .execute((trx) => openBrowserSession(trx, { accountId, issuer, subject: 'ada', limits, ...more }))
const revoke = async (which: Parameters<typeof revokeBrowserSessions>[1]) =>
  await api.db.transaction().execute((trx) => revokeBrowserSessions(trx, which))
const set = async (id: TokenId, column: 'idle_until' | 'expires_at', value: Date) =>
  await api.db
    .updateTable('token')
    .set({ [column]: value })
    .where('id', '=', id)
    .execute()

test('a browser session holds until it is revoked, and its secret is nowhere kept', async () => {
  const session = await open({ userAgent: 'Firefox', address: '192.0.2.1' })
  const bearer = await findBrowserSession(api.db, session.secret)
  expect(bearer).toMatchObject({ tokenId: session.id, accountId, client: 'browser' })
  expect(bearer?.scopes).not.toContain('act-as')
  expect(bearer?.scopes).toContain('sessions')
  const listed = await listBrowserSessions(api.db, accountId, { after: null, limit: 10 })
  expect(listed.items).toMatchObject([{ id: session.id, userAgent: 'Firefox', address: '192.0.2.1', issuer }])
  const kept = await api.db.selectFrom('token').selectAll().execute()
  expect(JSON.stringify(kept)).not.toContain(session.secret)
  expect(await revoke({ id: session.id })).toEqual([session.id])
  expect(await revoke({ id: session.id })).toEqual([])
  expect(await findBrowserSession(api.db, session.secret)).toBeNull()
  expect(await getBrowserSession(api.db, session.id)).toBeNull()
})

test('one that is not used ends; using it keeps it, up to its end', async () => {
  const [idle, used] = [await open(), await open()]
  await set(idle.id, 'idle_until', new Date(Date.now() - 1_000))
  expect(await findBrowserSession(api.db, idle.secret)).toBeNull()
  expect(await stillHolds(api.db, idle.id)).toBe(false)
  await set(used.id, 'idle_until', new Date(Date.now() + 5_000))
  await touchToken(api.db, used.id)
  const after = await getBrowserSession(api.db, used.id)
  expect(after?.idleUntil.getTime()).toBeGreaterThan(Date.now() + 500_000)
  await set(used.id, 'expires_at', new Date(Date.now() - 1_000))
  expect(await findBrowserSession(api.db, used.secret)).toBeNull()
})

test('a use of a token that is no browser’s leaves it without an idle limit', async () => {
  const token = await api.token(accountId)
  expect((await api.call('GET', '/v1/whoami', { token })).status).toBe(200)
  const rows = await api.db.selectFrom('token').select('idle_until').where('client', '=', 'test').execute()
  expect(rows.every((row) => row.idle_until === null)).toBe(true)
})

test('they end by account, by identity, and by the session at the issuer', async () => {
  const [one, other] = [await api.person(), await api.person()]
  const eve = { accountId: one.id, subject: 'eve' }
  const mine = await open({ ...eve, sid: 's1' })
  const second = await open({ ...eve, sid: 's2' })
  const same = await open({ sid: 's1', subject: 'bob', accountId: other.id })
  const elsewhere = await open({ ...eve, issuer: 'https://other.example.org', sid: 's1' })
  // The issuer did not say of which of its sessions this is.
  const any = await open(eve)
  expect(new Set(await revoke({ issuer, sid: 's1', subject: 'eve' }))).toEqual(new Set([mine.id, any.id]))
  expect(await revoke({ issuer, sid: 's1', subject: null })).toEqual([same.id])
  expect(await revoke({ issuer, subject: 'eve' })).toEqual([second.id])
  expect(await findBrowserSession(api.db, elsewhere.secret)).not.toBeNull()
  const kept = await open(eve)
  expect(await revoke({ accountId: one.id, but: kept.id })).toEqual([elsewhere.id])
  expect(await api.db.transaction().execute((trx) => revokeAllOf(trx, one.id))).toEqual([kept.id])
})

test('one whose issuer is asked again holds 15 minutes at a time', async () => {
  const session = await open({ rechecked: true, tokens: Buffer.from('sealed') })
  const bearer = await findBrowserSession(api.db, session.secret)
  const holds = (bearer?.expiresAt.getTime() ?? 0) - Date.now()
  expect(holds).toBeGreaterThan(800_000)
  expect(holds).toBeLessThanOrEqual(900_000)
  expect(session.expiresAt.getTime()).toBeGreaterThan(Date.now() + 3_000_000)
  await revoke({ id: session.id })
  const row = await api.db.selectFrom('browser_session').selectAll().where('token_id', '=', session.id).execute()
  expect(row).toMatchObject([{ check_at: null, tokens: Buffer.alloc(0) }])
})

test('what ended long ago is forgotten, and stays ended', async () => {
  const session = await open()
  await revoke({ id: session.id })
  await api.db
    .updateTable('browser_session')
    .set({ ends_at: new Date(Date.now() - 31 * 24 * 3_600_000) })
    .where('token_id', '=', session.id)
    .execute()
  expect((await forgetSignIns(api.db)).done).toBeGreaterThanOrEqual(1)
  expect(await issuerTokensOf(api.db, session.id)).toBeNull()
  expect(await findBrowserSession(api.db, session.secret)).toBeNull()
})

test('it is no token: neither listed as one, nor taken for one', async () => {
  const person = await api.person()
  const session = await open({ accountId: person.id })
  const listed = await api.call('GET', '/v1/tokens', { token: person.token })
  expect(listed.body.items.map((item) => item.id)).not.toContain(session.id)
  expect((await api.call('DELETE', `/v1/tokens/${session.id}`, { token: person.token })).status).toBe(404)
  expect((await api.call('GET', '/v1/whoami', { token: session.secret })).status).toBe(401)
})
