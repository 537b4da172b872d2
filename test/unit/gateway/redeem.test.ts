import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AccountId } from '../../../domain/ids.ts'
import { accessTo, hostOf, session } from '../../support/gateway/memory-doors.ts'
import { ask, cookieOf, createStand, doorsTo, ownOrigin } from '../../support/gateway/stand.ts'
import type { Asked } from '../../support/gateway/stand.ts'

let stand: Awaited<ReturnType<typeof createStand<ReturnType<typeof doorsTo>['doors']>>>
let pass = ''
let port = 0
const own = ownOrigin()
const other = hostOf(session('s1other'))
const cookie = () => ({ Cookie: cookieOf(pass) })

beforeAll(async () => {
  const made = doorsTo(1)
  pass = made.pass
  stand = await createStand(made.doors)
  port = stand.port
})
afterAll(() => stand.close())

const redeem = (more: Asked = {}, ticket = '', extra: object = {}): Asked => ({
  method: 'POST',
  path: '/.carrel/redeem',
  body: JSON.stringify({ ticket, ...extra }),
  ...more,
  headers: { Origin: own, 'Content-Type': 'application/json', ...more.headers },
})
const anna = () => accessTo(1)
const ben = () => accessTo(1, { accountId: 'a1ben' as AccountId })

test('a ticket makes a pass once, at its own door, asked by that door’s page', async () => {
  const ticket = stand.doors.issue(hostOf(), anna(), '/lab')
  const refusals: readonly (readonly [string, Asked, number, string])[] = [
    ['no origin', redeem({ headers: { Origin: '' } }, ticket), 403, 'foreign_origin'],
    ['another origin', redeem({ headers: { Origin: ownOrigin(other) } }, ticket), 403, 'foreign_origin'],
    ['the same site', redeem({ headers: { 'Sec-Fetch-Site': 'same-site' } }, ticket), 403, 'foreign_origin'],
    ['a form', redeem({ headers: { 'Content-Type': 'text/plain' } }, ticket), 400, 'malformed_request'],
    ['GET', { path: '/.carrel/redeem', headers: { Origin: own } }, 405, 'method_not_allowed'],
    [
      'another door',
      redeem({ host: other.name, headers: { Origin: ownOrigin(other) } }, ticket),
      403,
      'ticket_unknown',
    ],
    ['a long body', redeem({}, ticket, { more: 'x'.repeat(5_000) }), 400, 'malformed_request'],
    ['no ticket', redeem({}, 'ct_no'), 403, 'ticket_unknown'],
  ]
  for (const [name, asked, status, code] of refusals) {
    const answer = await ask(port, asked)
    expect([name, answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([name, status, code])
    expect(answer.headers['set-cookie'], name).toBeUndefined()
  }
  const made = await ask(port, redeem({}, ticket))
  expect([made.status, JSON.parse(made.body)]).toEqual([200, { path: '/lab' }])
  expect(made.headers['set-cookie']).toEqual([
    expect.stringMatching(
      /^__Host-carrel_door=cp_[\w-]{43}; Max-Age=(59|60); Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    ),
  ])
  expect(made.headers['cache-control']).toEqual(['no-store'])
  const replayed = await ask(port, redeem({}, ticket))
  expect([replayed.status, JSON.parse(replayed.body)]).toEqual([403, { code: 'ticket_used' }])
})

test('a pass of another account is not replaced until its user says so', async () => {
  const ticket = stand.doors.issue(hostOf(), ben(), '/')
  const asked = await ask(port, redeem({ headers: cookie() }, ticket))
  expect([asked.status, JSON.parse(asked.body)]).toEqual([
    409,
    { code: 'other_account', current: 'a1anna', asked: 'a1ben' },
  ])
  expect(asked.headers['set-cookie']).toBeUndefined()
  // What a page of the session planted beside it does not hide it.
  const planted = ['B', 'C'].map((letter) => `${cookieOf(`cp_${letter.repeat(43)}`)}; `).join('')
  const hidden = await ask(port, redeem({ headers: { Cookie: planted + cookieOf(pass) } }, ticket))
  expect(JSON.parse(hidden.body)).toMatchObject({ code: 'other_account', current: 'a1anna' })
  expect((await ask(port, redeem({ headers: cookie() }, ticket, { replace: true }))).status).toBe(200)
})

test('looking at a link opens nothing, and its page loads nothing from anywhere', async () => {
  const ticket = stand.doors.issue(hostOf(), anna())
  for (const method of ['GET', 'HEAD'])
    expect(await ask(port, { method, path: `/.carrel/open?ticket=${ticket}` })).toMatchObject({ status: 200 })
  expect(stand.doors.tickets.get(ticket)?.used).toBe(false)
  const { headers, body } = await ask(port, { path: '/.carrel/open' })
  expect(headers).toMatchObject({
    'referrer-policy': ['no-referrer'],
    'cache-control': ['no-store'],
    'cross-origin-opener-policy': ['same-origin'],
  })
  expect(headers['content-security-policy']?.[0]).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
  expect(body).not.toMatch(/(src|href)=/)
})
