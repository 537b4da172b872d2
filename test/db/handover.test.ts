import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProviderId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { untilBlocked } from '../setup/blocked.ts'
import {
  addHandoverProvider,
  freshClaim,
  freshProviderId,
  handedSecrets,
  handOver,
  recordsOf,
} from '../setup/handover.ts'
import type { HandedOver, Provisioner } from '../setup/handover.ts'
import { freshHost, refOf, running, talkOf } from '../setup/handover-talk.ts'

const desks = 'desks' as ProviderId
const pools = 'pools' as ProviderId
let api: TestApi
let broker: Provisioner
beforeAll(async () => {
  api = await startApi()
  broker = await addHandoverProvider(api, desks)
  await addHandoverProvider(api, pools, { by: broker.accountId })
})
afterAll(() => api.close())

/** Begins several deeds while somebody else has the row, so that all of them wait for it. */
async function contended<T>(one: HandedOver, deeds: () => Promise<T>[]): Promise<T[]> {
  const begun = await api.db.transaction().execute(async (trx) => {
    await trx.selectFrom('handover').select('id').where('id', '=', one.id).forUpdate().execute()
    const all = deeds()
    await untilBlocked(api.db, all.length)
    return { all }
  })
  return await Promise.all(begun.all)
}

const { ask, say, take, taken, rowOf } = talkOf(
  () => api,
  () => broker,
  desks,
)

test('a provisioner sees what is wanted, takes it, says where it answers, and forgets it when nothing is left', async () => {
  const one = await handOver(api, desks)
  const shown = await ask('GET', `/${one.id}`)
  expect(shown.headers.get('etag')).toBe('"1"')
  expect(shown.body).toMatchObject({
    id: one.id,
    name: one.name,
    providerId: desks,
    sessionId: one.key.sessionId,
    status: 'wanted',
    image: 'windows:11',
    terms: { pool: 'windows-11' },
    ports: [3_389],
    unwantedAt: null,
  })
  expect(shown.text).not.toContain('canary')
  const got = await take(one)
  expect([got.status, got.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(got.body).toMatchObject({ id: one.id, status: 'taken', secrets: handedSecrets })
  expect((await say(one, 'report', { state: 'preparing', words: 'Cloning the machine' })).status).toBe(204)
  expect(await recordsOf(api, desks).find(refOf(one))).toMatchObject({
    meaning: { kind: 'pending', reason: 'Cloning the machine' },
  })
  const host = freshHost()
  for (let n = 0; n < 2; n++) expect((await say(one, 'report', running(host))).status).toBe(204)
  expect(await recordsOf(api, desks).find(refOf(one))).toMatchObject({ meaning: { kind: 'running' }, host })
  expect(await recordsOf(api, desks).release(refOf(one))).toBe(false)
  expect((await ask('GET', `?unwanted=true&status=running`)).body.items.map(({ id }) => id)).toContain(one.id)
  for (let n = 0; n < 2; n++) expect((await say(one, 'gone')).status).toBe(204)
  expect((await ask('GET', '')).body.items.map(({ id }) => id)).not.toContain(one.id)
  expect(await recordsOf(api, desks).release(refOf(one))).toBe(true)
  expect(await rowOf(one)).toBeUndefined()
  expect((await say(one, 'gone')).status).toBe(404)
})

test('what nobody took is gone at once, and nobody gets it any more', async () => {
  const one = await handOver(api, desks)
  expect(await recordsOf(api, desks).release(refOf(one))).toBe(true)
  expect((await take(one)).status).toBe(404)
})

describe('a take', () => {
  test('of many at once one gets it, and the others are told', async () => {
    // one:    lock (waits) ··· wanted ─ taken ─ commit
    // others: lock (wait) ··························· taken by another claim: 409
    const one = await handOver(api, desks)
    const answers = await contended(one, () => Array.from({ length: 4 }, async () => await take(one)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409])
    expect(answers.filter(({ text }) => text.includes('canary'))).toHaveLength(1)
  })

  test('whose answer was lost is given again to the same claim, until something was said', async () => {
    const one = await handOver(api, desks)
    const claim = freshClaim()
    for (let n = 0; n < 3; n++) expect((await take(one, claim)).body).toMatchObject({ secrets: handedSecrets })
    expect((await take(one)).body.code).toBe('conflict')
    expect((await say(one, 'report', { state: 'preparing' })).status).toBe(204)
    const again = await take(one, claim)
    expect([again.status, again.body['secrets']]).toEqual([200, null])
    expect((await rowOf(one))?.sealed).toBeNull()
  })

  test('that comes too late is told so, and the session fails by the start limit', async () => {
    const one = await handOver(api, desks)
    await api.db
      .updateTable('handover')
      .set({ take_before: new Date(0) })
      .where('id', '=', one.id)
      .execute()
    expect((await ask('GET', '')).body.items.map(({ id }) => id)).not.toContain(one.id)
    expect((await take(one)).body.code).toBe('gone')
    expect(await recordsOf(api, desks).find(refOf(one))).toMatchObject({
      meaning: { kind: 'exited', reason: 'start_timeout' },
    })
    expect(await recordsOf(api, desks).release(refOf(one))).toBe(true)
  })

  test('at the moment of a removal either finds nothing, or is asked to take it away again', async () => {
    // take:   lock ─ wanted? ─ taken                      lock (waits) ····· nothing there: 404
    // remove:        delete (waits) ··· mark unwanted     delete ─ gone
    for (const isTakeFirst of [true, false]) {
      const one = await handOver(api, desks)
      const taking = async () => (await take(one)).status
      const removing = async () => await recordsOf(api, desks).release(refOf(one))
      const came = await contended<number | boolean>(one, () =>
        isTakeFirst ? [taking(), removing()] : [removing(), taking()],
      )
      const [status, left] = isTakeFirst ? came : came.toReversed()
      const row = await rowOf(one)
      if (status === 200) expect([left, row?.unwanted_at instanceof Date, row?.sealed]).toEqual([false, true, null])
      else expect([status, left, row]).toEqual([404, true, undefined])
    }
  })

  test.each([[{}], [{ claim: 'short' }], [{ claim: 'with blanks in between it' }], [{ claim: 'x'.repeat(129) }]])(
    'that calls itself %j is none',
    async (body) => {
      const one = await handOver(api, desks)
      expect((await say(one, 'take', body)).status).toBe(422)
      expect((await rowOf(one))?.status).toBe('wanted')
    },
  )
})

describe('what is said', () => {
  test('of what nobody took is refused', async () => {
    const one = await handOver(api, desks)
    for (const [word, body] of [
      ['report', { state: 'preparing' }],
      ['report', running(freshHost())],
      ['fail', { code: 'start_failed' }],
      ['end', {}],
      ['gone', undefined],
    ] as const)
      expect([word, (await say(one, word, body)).status]).toEqual([word, 409])
  })

  test('of a failure is its code and words, once; that nothing is left may be added', async () => {
    const one = await taken()
    expect((await say(one, 'fail', { code: 'unschedulable', words: 'No host has room.' })).status).toBe(204)
    expect((await say(one, 'fail', { code: 'unschedulable' })).status).toBe(204)
    expect((await say(one, 'fail', { code: 'image_missing' })).status).toBe(409)
    expect((await say(one, 'report', running(freshHost()))).status).toBe(409)
    const record = { meaning: { kind: 'exited', reason: 'unschedulable' }, detail: 'No host has room.' }
    expect(await recordsOf(api, desks).find(refOf(one))).toMatchObject(record)
    expect(await recordsOf(api, desks).release(refOf(one))).toBe(false)
    expect((await say(one, 'fail', { code: 'unschedulable', gone: true })).status).toBe(204)
    expect(await recordsOf(api, desks).find(refOf(one))).toMatchObject(record)
    expect(await recordsOf(api, desks).release(refOf(one))).toBe(true)
  })

  test('of an end is its exit code; of one that is gone without being asked, that it is absent', async () => {
    const [ended, lost] = [await taken(), await taken()]
    for (const one of [ended, lost]) expect((await say(one, 'report', running(freshHost()))).status).toBe(204)
    expect((await say(ended, 'end', { exitCode: 3, gone: true })).status).toBe(204)
    expect((await say(lost, 'gone')).status).toBe(204)
    const { find } = recordsOf(api, desks)
    expect(await find(refOf(ended))).toMatchObject({ meaning: { kind: 'exited', reason: 'exited' }, exitCode: 3 })
    expect(await find(refOf(lost))).toMatchObject({ meaning: { kind: 'absent' } })
  })

  test('of an end is said once: another exit code is refused, and the first stands', async () => {
    const one = await taken()
    const answer = async (body: object) => (await say(one, 'end', body)).status
    expect([await answer({ exitCode: 3 }), await answer({ exitCode: 0 }), await answer({})]).toEqual([204, 409, 204])
    expect((await rowOf(one))?.exit_code).toBe(3)
  })

  test('of what is to go is only that it ended, or is gone', async () => {
    const one = await taken()
    await recordsOf(api, desks).release(refOf(one))
    expect((await rowOf(one))?.sealed).toBeNull()
    expect((await take(one)).status).toBe(410)
    for (const body of [{ state: 'preparing' }, running(freshHost())])
      expect((await say(one, 'report', body)).body.code).toBe('gone')
    expect((await say(one, 'end', {})).status).toBe(204)
    expect((await say(one, 'gone')).status).toBe(204)
    expect(await recordsOf(api, desks).release(refOf(one))).toBe(true)
  })

  test.each([
    ['fail', { code: 'user' }, '/code'],
    ['fail', { code: 'quota' }, '/code'],
    ['fail', { code: 'start_failed', words: 'two\nlines' }, '/words'],
    ['fail', { code: 'start_failed', words: 'x'.repeat(501) }, '/words'],
    ['fail', { code: 'start_failed', host: '10.20.0.1' }, '/host'],
    ['end', { exitCode: 1.5 }, '/exitCode'],
    ['report', { state: 'ready' }, '/state'],
  ])('in %s %j is refused at %s', async (word, body, pointer) => {
    const one = await taken()
    const answer = await say(one, word, body)
    expect(answer.status).toBe(422)
    expect(answer.body.errors.map((fault) => fault.pointer)).toContain(pointer)
    expect((await rowOf(one))?.status).toBe('taken')
  })
})

describe('the list', () => {
  test('holds what is of all providers that name the caller, page by page, and nobody else’s', async () => {
    const provider = freshProviderId()
    const mine = await addHandoverProvider(api, provider)
    const list = async (query: string) =>
      await api.call('GET', `/v1/provisioner/instances?${query}`, { token: mine.token })
    const wanted: string[] = []
    for (let n = 0; n < 5; n++) wanted.push((await handOver(api, provider)).id)
    const stranger = await handOver(api, desks)
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await list(`limit=2&status=wanted${cursor}`)
      seen.push(...body.items.map(({ id }) => id))
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor !== '')
    expect(seen).toEqual(wanted.toSorted().toReversed())
    expect(seen).not.toContain(stranger.id)
    expect((await list('status=running')).body.items).toEqual([])
    expect((await list('status=stopped')).status).toBe(422)
    const both = [await handOver(api, desks), await handOver(api, pools)].map(({ id }) => id)
    expect((await ask('GET', '')).body.items.map(({ id }) => id)).toEqual(expect.arrayContaining(both))
  })
})

test('that nothing is left is in the audit, however it was said', async () => {
  const [atOnce, added, apart] = [await taken(), await taken(), await taken()]
  await say(atOnce, 'fail', { code: 'start_failed', gone: true })
  await say(added, 'end', {})
  for (let n = 0; n < 2; n++) await say(added, 'end', { gone: true })
  await say(apart, 'end', {})
  await say(apart, 'gone')
  const said = async ({ key }: HandedOver) => {
    const rows = await api.db
      .selectFrom('audit_event')
      .select(['action', 'detail'])
      .where('subject_id', '=', key.sessionId)
      .orderBy('id')
      .execute()
    return rows.slice(1).map(({ action, detail }) => [action, (detail as { gone?: true }).gone ?? false])
  }
  expect(await said(atOnce)).toEqual([['failHandover', true]])
  expect(await said(added)).toEqual([
    ['endHandover', false],
    ['endHandover', true],
  ])
  expect(await said(apart)).toEqual([
    ['endHandover', false],
    ['releaseHandover', true],
  ])
})

test('what was said is in the audit, without secrets, claims and words', async () => {
  const one = await handOver(api, desks)
  const claim = freshClaim()
  await take(one, claim)
  await take(one, claim)
  await say(one, 'report', { state: 'preparing', words: 'Cloning' })
  const host = freshHost()
  await say(one, 'report', running(host))
  await say(one, 'report', running(freshHost()))
  await say(one, 'gone')
  const lines = await api.db
    .selectFrom('audit_event')
    .select(['action', 'outcome', 'code', 'account_id', 'detail'])
    .where((eb) => eb.or([eb('subject_id', '=', one.key.sessionId), eb('subject_id', '=', one.id)]))
    .orderBy('id')
    .execute()
  expect(lines.map(({ action, outcome, code }) => [action, outcome, code])).toEqual([
    ['takeHandover', 'accepted', null],
    ['reportHandover', 'accepted', null],
    ['reportHandover', 'refused', 'conflict'],
    ['releaseHandover', 'accepted', null],
  ])
  expect(lines.every(({ account_id }) => account_id === broker.accountId)).toBe(true)
  const told = JSON.stringify([lines, api.logged])
  expect(told).toContain(host)
  for (const hidden of ['canary', claim, 'Cloning', broker.token]) expect(told).not.toContain(hidden)
})
