import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Ask, Person, TestApi } from '../setup/api.ts'

let api: TestApi
let admin: Person
beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

interface Told {
  readonly may: Readonly<Record<string, { readonly allowed: boolean; readonly reasons: readonly string[] }>>
  readonly [field: string]: unknown
}
const whoami = async (who: { token: string }, ask: Ask = {}): Promise<Told> =>
  // The document's own shape.
  (await api.call('GET', '/v1/whoami', { token: who.token, ...ask })).body as unknown as Told
/** What is in the way, of each action that anything is in the way of. */
const hindered = async (who: { token: string }, ask?: Ask) =>
  Object.fromEntries(
    Object.entries((await whoami(who, ask)).may).flatMap(([action, { allowed, reasons }]) => {
      expect(allowed).toBe(reasons.length === 0)
      return allowed ? [] : [[action, reasons]]
    }),
  )
const neither = { operate: ['role'], administer: ['role'] }

/** Where no user office is asked, what stands in the way of sessions stands in the way of those outside experiments. */
const noStart = (reasons: readonly string[]) => ({ startSessions: reasons, startOutsideExperiments: reasons })

test('says what one may do, and all that is in the way', async () => {
  expect(await hindered(admin)).toEqual({})
  expect(await hindered(await api.person({ roles: ['operator'] }))).toEqual({ administer: ['role'] })
  const person = await api.person()
  expect(await hindered(person)).toEqual(neither)
  const setLimit = (sessions: number) =>
    api.db.updateTable('quota').set({ sessions }).where('payer_id', '=', person.id).execute()
  await setLimit(0)
  expect(await hindered(person)).toEqual({ ...neither, ...noStart(['no_quota']) })
  await setLimit(1)
  expect(await hindered(person)).toEqual(neither)
  const body = { templateId: await api.template() }
  const made = await api.call('POST', '/v1/sessions', {
    token: person.token,
    body,
    headers: { prefer: 'respond-async' },
  })
  await api.decide(made.body.id)
  expect(await hindered(person)).toEqual({ ...neither, ...noStart(['quota_exceeded']) })
})

test('of a token that only reads, and of whoever acts for somebody, it says what that reaches', async () => {
  const [person, portal] = [await api.person(), await api.person()]
  const reader = { token: await api.token(person.id, ['read']) }
  expect(await hindered(reader)).toEqual({
    ...noStart(['scope']),
    createProjects: ['scope'],
    makeTokens: ['scope'],
    operate: ['role', 'scope'],
    administer: ['role', 'scope'],
  })
  const acting = await hindered(portal, { headers: { 'carrel-on-behalf-of': person.id } })
  expect(acting).toEqual({ makeTokens: ['acting'], operate: ['role', 'scope'], administer: ['role', 'scope'] })
})

test('says of terms, identities and the POSIX user what there is, and to a portal no identity', async () => {
  const [person, portal] = [await api.person(), await api.person()]
  expect(await whoami(person)).toMatchObject({
    terms: { version: 0, required: false, accepted: true },
    identities: [],
    posix: false,
  })
  const identity = { issuer: 'https://login.example.org', subject: 'ada' }
  await api.db
    .insertInto('identity')
    .values({ ...identity, account_id: person.id })
    .execute()
  const posix = JSON.stringify({ user: 'ada', uid: 1_815, gid: 1_815, gids: [] })
  await api.db.updateTable('account').set({ posix }).where('id', '=', person.id).execute()
  const terms = { title: 'Terms of use', text: 'Be kind.' }
  await api.call('PUT', '/v1/terms', { token: admin.token, body: terms, headers: { 'if-match': '*' } })
  expect(await whoami(person)).toMatchObject({
    terms: { version: 1, required: true, accepted: false },
    identities: [{ ...identity, emailVerified: false }],
    posix: true,
    may: { startSessions: { reasons: ['terms_not_accepted'] } },
  })
  const acting = await whoami(portal, { headers: { 'carrel-on-behalf-of': person.id } })
  expect(acting).toMatchObject({ identities: [], may: { startSessions: { reasons: ['terms_not_accepted'] } } })
  await api.call('POST', '/v1/terms/acceptance', { token: person.token, key: null, body: { version: 1 } })
  expect(await hindered(person)).toEqual(neither)
  const maintenance = { reason: 'A test.', text: 'Back soon.', until: null }
  const match = { headers: { 'if-match': '*' } }
  const put = await api.call('PUT', '/v1/admin/maintenance', { token: admin.token, body: maintenance, ...match })
  expect(put.status).toBeLessThan(300)
  expect(await hindered(person)).toEqual({ ...neither, ...noStart(['maintenance']) })
})
