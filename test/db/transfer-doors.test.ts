import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Person, TestApi } from '../setup/api.ts'
import { createSharedSession } from '../setup/door-api.ts'
import type { SharedSession } from '../setup/door-api.ts'

let scene: SharedSession
let api: TestApi
let owner: Person
let heir: Person

beforeAll(async () => {
  scene = await createSharedSession()
  ;({ api, owner } = scene)
})
afterAll(() => api.close())
beforeEach(async () => {
  heir = await api.person()
  await scene.setSharing('invited')
  await scene.renew()
  const member = { project_id: scene.projectId as never, account_id: heir.id, role: 'editor' as const }
  await api.db.insertInto('project_member').values(member).execute()
  await api.db
    .insertInto('reservation')
    .columns([
      'session_id',
      'generation',
      'account_id',
      'project_id',
      'provider_id',
      'sessions',
      'cpu_milli',
      'memory_mib',
      'disk_mib',
      'gpus',
    ])
    .expression((eb) =>
      eb
        .selectFrom('session')
        .select([
          'id',
          'generation',
          'owner_id',
          'project_id',
          'provider_id',
          'sessions',
          'cpu_milli',
          'memory_mib',
          'disk_mib',
          'gpus',
        ])
        .where('id', '=', scene.id()),
    )
    .execute()
})

const give = async () => await scene.call('POST', `/v1/sessions/${scene.id()}/transfer`, owner, { accountId: heir.id })

test('what its owner until now has open is worth nothing from that moment, and cannot be opened again', async () => {
  const opened = await scene.follow((await scene.open(owner)).body.url)
  const unused = (await scene.open(owner)).body.url
  expect(await opened.check()).toBe('open')
  const heard: string[] = []
  const stop = api.listener.on('carrel_access', (payload) => void heard.push(payload))
  expect((await give()).status).toBe(200)
  expect(await opened.check()).toBe('no_access')
  expect((await scene.follow(unused)).redeemed.kind).toBe('refused')
  expect((await scene.open(owner)).status).toBe(403)
  // Gateways hear of it at once, and need not come to their next look.
  await expect.poll(() => heard.some((payload) => ['', scene.id()].includes(payload)), { timeout: 30_000 }).toBe(true)
  stop()
  const closed = (await scene.call('GET', `/v1/sessions/${scene.id()}/events?limit=100`, heir)).body.items
  expect(closed.map((event) => [event['type'], event['data']])).toContainEqual([
    'connection.closed',
    expect.objectContaining({ accountId: owner.id, reason: 'withdrawn' }),
  ])
})

test('the new owner comes in, whoever was let in stays in, and whom it is shared with is the new owner’s matter', async () => {
  const guest = await api.person()
  await scene.share(guest, 'view')
  await scene.share(heir, 'view')
  const looking = await scene.follow((await scene.open(guest, { door: 'web', mode: 'view' })).body.url)
  const theirs = await scene.follow((await scene.open(heir, { door: 'web', mode: 'view' })).body.url)
  expect((await give()).status).toBe(200)
  expect([await looking.check(), await theirs.check()]).toEqual(['open', 'open'])
  const inControl = await scene.follow((await scene.open(heir)).body.url)
  expect(await inControl.check()).toBe('open')
  const path = `/v1/sessions/${scene.id()}/collaborators`
  expect((await scene.call('GET', path, owner)).status).toBe(403)
  expect((await scene.call('GET', path, heir)).body.items.map((one) => one.accountId)).toEqual([guest.id])
  expect((await scene.call('DELETE', `${path}/${guest.id}`, heir)).status).toBe(204)
  expect(await looking.check()).toBe('no_access')
})

test('a portal that acts for the owner gives it away as the owner does, and acts for nobody else', async () => {
  const portal = await api.person()
  const forOwner = { 'carrel-on-behalf-of': owner.id }
  const ask = { accountId: heir.id }
  const given = await scene.call('POST', `/v1/sessions/${scene.id()}/transfer`, portal, ask, forOwner)
  expect(given.status).toBe(200)
  const again = await scene.call(
    'POST',
    `/v1/sessions/${scene.id()}/transfer`,
    portal,
    { accountId: owner.id },
    forOwner,
  )
  expect(again.status).toBe(403)
})
