import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { dueUses, recordOpened, recordRefused } from '../../db/outside-uses.ts'
import { callApp } from '../setup/api.ts'
import type { Answer } from '../setup/api.ts'
import { createSharedSession, domain } from '../setup/door-api.ts'
import type { SharedSession } from '../setup/door-api.ts'

let shared: SharedSession
let app: ReturnType<SharedSession['api']['another']>
beforeAll(async () => {
  shared = await createSharedSession()
  app = shared.api.another({ doors: { scheme: 'https', domain, port: 8443 }, desktopsOutside: true })
})
afterAll(async () => await shared.api.close())
beforeEach(async () => await shared.renew())

const key = () => ({ sessionId: shared.id(), generation: 1 })

const open = async (body: object, wait: number): Promise<Answer> =>
  await callApp(app, 'POST', `/v1/sessions/${shared.id()}/connections`, {
    token: shared.owner.token,
    body,
    key: null,
    headers: { prefer: `wait=${wait}` },
  })

/** Answers the next asking as the session's workflow would. */
async function answerWith(refused: string | null): Promise<void> {
  const { db } = shared.api
  for (;;) {
    const [due] = await dueUses(db, key())
    if (due?.kind === 'open') {
      if (refused === null) return await recordOpened(db, due.use, due.asking, 'http://gateway.test/#/1')
      return await recordRefused(db, due.use, due.asking, refused)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a desktop is opened outside before its ticket is told', async () => {
  const [answer] = await Promise.all([open({ door: 'desktop' }, 20), answerWith(null)])
  expect(answer.status).toBe(201)
  expect(answer.body.url).toMatch(new RegExp(`^https://${shared.id()}-desktop\\.${domain}:8443/\\.carrel/open#ticket=`))
  expect(JSON.stringify(answer.body)).not.toContain('gateway.test')
})

test.each([
  ['not_ready', 409, 'not_ready'],
  ['nothing_to_view', 409, 'not_ready'],
  ['ended', 409, 'not_ready'],
  ['rejected', 422, 'door_refused'],
  ['parameter_refused', 422, 'door_refused'],
])('what the gateway refuses as %s is %i %s', async (refused, status, code) => {
  const [answer] = await Promise.all([open({ door: 'desktop' }, 20), answerWith(refused)])
  expect([answer.status, answer.body['code']]).toEqual([status, code])
})

test('a gateway that does not answer in time is unavailable, and the wish stays', async () => {
  const answer = await open({ door: 'desktop' }, 0)
  expect([answer.status, answer.body['code'], answer.headers.get('retry-after')]).toEqual([503, 'unavailable', '5'])
  expect(await dueUses(shared.api.db, key())).toHaveLength(1)
})

test('a web door is the gateway’s own, as ever', async () => {
  expect((await open({ door: 'web' }, 0)).status).toBe(201)
  expect(await dueUses(shared.api.db, key())).toEqual([])
})
