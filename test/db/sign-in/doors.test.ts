import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowserSession, revokeBrowserSessions } from '../../../db/browser-sessions.ts'
import { usualSessionLimits } from '../../../domain/sign-in.ts'
import { callApp } from '../../setup/api.ts'
import { createSharedSession, domain } from '../../setup/door-api.ts'
import type { SharedSession } from '../../setup/door-api.ts'
import { plainSignIn } from '../../setup/sign-in-requests.ts'

let shared: SharedSession
let gated: ReturnType<SharedSession['api']['another']>
beforeAll(async () => {
  shared = await createSharedSession()
  gated = shared.api.another({ doors: { scheme: 'https', domain, port: 8443 } }, shared.api.db, {
    signIn: plainSignIn,
  })
  await shared.renew()
})
afterAll(() => shared.api.close())

/** A door that somebody opened from a browser that is signed in, and that browser's session. */
async function enter(rechecked = false) {
  const { api, owner } = shared
  const opened = await api.db.transaction().execute((trx) =>
    openBrowserSession(trx, {
      accountId: owner.id,
      issuer: 'https://issuer.example.org',
      subject: 'ada',
      limits: usualSessionLimits,
      rechecked,
    }),
  )
  const ask = { key: null, body: { door: 'web' } }
  const headers = { cookie: `carrel=${opened.secret}`, origin: plainSignIn.origin }
  const made = await callApp(gated, 'POST', `/v1/sessions/${shared.id()}/connections`, { ...ask, headers })
  const door = await shared.follow(made.body.url)
  return { ...opened, door }
}

const set = async (id: string, values: { idle_until?: Date; expires_at?: Date }) =>
  await shared.api.db
    .updateTable('token')
    .set(values)
    .where('id', '=', id as never)
    .execute()

test('a door that a browser session opened closes with it', async () => {
  const { id, door } = await enter()
  expect(await door.check()).toBe('open')
  await shared.api.db.transaction().execute((trx) => revokeBrowserSessions(trx, { id }))
  expect(await door.check()).toBe('no_access')
})

test('who works at a door is not sent away because nothing else is asked of Carrel', async () => {
  const { id, door } = await enter()
  await set(id, { idle_until: new Date(Date.now() - 1_000) })
  expect(await door.check()).toBe('open')
  await set(id, { expires_at: new Date(Date.now() - 1_000) })
  expect(await door.check()).toBe('no_access')
})

test('where the issuer is asked again, a pass outlives one asking, but not the word of the issuer', async () => {
  const { id, door } = await enter(true)
  expect(door.redeemed.kind === 'pass' ? door.redeemed.expiresAt : 0).toBeGreaterThan(Date.now() + 20 * 60_000)
  expect(await door.check()).toBe('open')
  await set(id, { expires_at: new Date(Date.now() - 1_000) })
  expect(await door.check()).toBe('no_access')
})
