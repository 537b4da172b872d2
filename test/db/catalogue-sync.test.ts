import { afterAll, beforeAll, expect, test } from 'vitest'
import { askSyncsAtSignIn, claimSyncs, getSync } from '../../db/catalogue-asks.ts'
import { doorFacts } from '../../db/doors.ts'
import { usableMode } from '../../domain/authorization.ts'
import { emptyListing } from '../../domain/catalogue.ts'
import type { CatalogueProject } from '../../domain/catalogue.ts'
import { newId } from '../../domain/ids.ts'
import type { SyncId } from '../../domain/ids.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { experiment, listing, project, startCatalogueWorld } from '../setup/catalogues.ts'
import type { CatalogueWorld } from '../setup/catalogues.ts'

let template: string
let world: CatalogueWorld
let api: TestApi
beforeAll(async () => {
  world = await startCatalogueWorld()
  api = world.api
  template = await api.template({ mounts: [{ kind: 'experiment', modes: ['ro'] }], user: 'account' })
})
afterAll(() => api.close())

const open: CatalogueWorld['open'] = (...ask) => world.open(...ask)
const person: CatalogueWorld['person'] = async (...who) => await world.person(...who)
const experiments: CatalogueWorld['experiments'] = async (who) => await world.experiments(who)
const namesOf: CatalogueWorld['namesOf'] = async (who) => await world.namesOf(who)

test('what a person’s list names is there, and what it names no more is gone, with doors and sessions', async () => {
  const { catalogue, sync, source } = open('person')
  const [ada, max] = [await person('ada'), await person('max')]
  const login = (who: string, ...projects: readonly CatalogueProject[]) => catalogue.says(who, listing(...projects))
  login('ada', project('A'), project('B'))
  login('max', project('A'))
  expect(await sync()).toMatchObject({
    outcome: 'done',
    report: { read: 2, unread: 0, counts: { addProject: 2, addExperiment: 2, addMember: 3 }, withheld: null },
  })
  expect(await namesOf(ada)).toEqual(['Visit A-1', 'Visit B-1'])
  const [visit] = await experiments(max)
  expect(visit).toMatchObject({ name: 'Visit A-1', source, staleSince: null, instrument: 'ID01' })
  const started = await api.call('POST', '/v1/sessions', {
    token: max.token,
    body: { templateId: template, experimentId: visit?.id },
    headers: { prefer: 'respond-async' },
  })
  expect(started.status).toBe(202)
  // A second sync finds nothing to do.
  expect((await sync()).report).toMatchObject({ counts: {}, changes: [] })
  login('max')
  expect((await sync()).report).toMatchObject({
    counts: { withdrawMember: 1 },
    changes: [{ do: 'withdrawMember', project: 'A', accountId: max.id }],
  })
  expect([await namesOf(max), await namesOf(ada)]).toEqual([[], ['Visit A-1', 'Visit B-1']])
  const session = await api.call('GET', `/v1/sessions/${started.body.id}`, { token: max.token })
  expect(session.body['stopRequestedAt']).not.toBeNull()
  const door = await api.call('POST', `/v1/sessions/${started.body.id}/connections`, {
    token: max.token,
    body: { door: 'web' },
  })
  expect(door.status).toBeGreaterThanOrEqual(400)
  // And it comes back by itself.
  login('max', project('A'))
  await sync()
  expect(await namesOf(max)).toEqual(['Visit A-1'])
})

test('whom people let in stays, and who has no login any more does not', async () => {
  const { catalogue, sync, source } = open('person')
  const [ada, guest] = [await person('ada2'), await api.person()]
  catalogue.says('ada2', listing(project('A')))
  await sync()
  const { id } = await api.db.selectFrom('project').select('id').where('source', '=', source).executeTakeFirstOrThrow()
  await api.db.insertInto('project_member').values({ project_id: id, account_id: guest.id, role: 'editor' }).execute()
  await api.db.deleteFrom('identity').where('account_id', '=', ada.id).execute()
  await sync()
  expect([await namesOf(ada), await namesOf(guest)]).toEqual([[], ['Visit A-1']])
})

test.each(['person', 'whole'] as const)('a login is whose the catalogue’s issuers say it is: %s', async (extent) => {
  const { catalogue, sync } = open(extent)
  const login = `eve-${extent}`
  const [eve, other] = [await person(login), await person(login, 'https://elsewhere.example.org')]
  catalogue.says(extent === 'whole' ? null : login, listing(project('A', { members: [{ login, role: null }] })))
  await sync()
  expect([await namesOf(eve), await namesOf(other)]).toEqual([['Visit A-1'], []])
})

test('data that is for named people is not for the rest of the project', async () => {
  const { catalogue, sync } = open('whole')
  const [ada, max] = [await person('ada5'), await person('max5')]
  const one = (login: string) => ({ login, role: 'editor' as const })
  const visits = (...logins: readonly string[]) => [
    experiment('1', { members: [one('ada5')] }),
    experiment('2', { members: logins.map(one) }),
  ]
  const says = (...logins: readonly string[]) =>
    catalogue.says(null, listing(project('A', { experiments: visits(...logins), members: [one('ada5'), one('max5')] })))
  says('ada5', 'max5')
  await sync()
  expect([await namesOf(ada), await namesOf(max)]).toEqual([['Visit 1', 'Visit 2'], ['Visit 2']])
  says('ada5')
  await sync()
  expect(await namesOf(max)).toEqual([])
  // Nor is it found by way of its project, to which both belong.
  const found = async (who: Person) =>
    (await api.call('GET', '/v1/projects?instrument=ID01', { token: who.token })).body.items.length
  expect([await found(ada), await found(max)]).toEqual([1, 0])
})

test('who signs in is asked about alone, and not again and again', async () => {
  const { catalogue, sync, source } = open('person')
  const [ada, max] = [await person('ada7'), await person('max7')]
  const other = { id: 'elsewhere', extent: 'whole' as const }
  const signIn = async () =>
    await api.db
      .transaction()
      .execute(async (trx) => await askSyncsAtSignIn(trx, ada.id, [{ id: source, extent: 'person' }, other]))
  await signIn()
  await signIn()
  const asked = (await claimSyncs(api.db, 100)).filter((ask) => ask.source === source)
  expect(asked).toHaveLength(1)
  expect(await getSync(api.db, asked[0]?.id as SyncId)).toMatchObject({ accountId: ada.id, requestedBy: null })
  for (const login of ['ada7', 'max7']) catalogue.says(login, listing(project('A')))
  await sync({ accountId: ada.id })
  expect([await namesOf(ada), await namesOf(max)]).toEqual([['Visit A-1'], []])
})

test('sessions of whom the site leaves running go on behind shut doors', async () => {
  const { catalogue, sync } = open('person', { withdrawn: 'keepDoorsShut' })
  const ada = await person('ada8')
  catalogue.says('ada8', listing(project('A')))
  await sync()
  const [visit] = await experiments(ada)
  const body = { templateId: template, experimentId: visit?.id }
  const started = await api.call('POST', '/v1/sessions', {
    token: ada.token,
    body,
    headers: { prefer: 'respond-async' },
  })
  catalogue.says('ada8', emptyListing)
  await sync()
  const session = await api.call('GET', `/v1/sessions/${started.body.id}`, { token: ada.token })
  expect(session.body['stopRequestedAt']).toBeNull()
  const facts = await doorFacts(api.db, started.body.id, ada.id)
  expect(facts && usableMode(facts.use, facts.account, facts, Date.now())).toBeNull()
})

test('two syncs at once do each change once', async () => {
  const { catalogue, sync, source } = open('person')
  const ada = await person('ada9')
  catalogue.says('ada9', listing(project('A'), project('B')))
  await Promise.all([sync(), sync(), sync({ accountId: ada.id })])
  const rows = await api.db.selectFrom('project').select('external_id').where('source', '=', source).execute()
  expect(rows.map((row) => row.external_id).sort()).toEqual(['A', 'B'])
  expect(await namesOf(ada)).toEqual(['Visit A-1', 'Visit B-1'])
})

test('an operator asks for a sync of a catalogue that there is', async () => {
  const operator = await api.person({ roles: ['operator'] })
  const other = api.another({ catalogues: [{ id: 'office', extent: 'person' }] })
  const ask = async (source: string) =>
    await other.app.request('/v1/admin/catalogue-syncs', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${operator.token}`,
        'content-type': 'application/json',
        'idempotency-key': newId('sync'),
      },
      body: JSON.stringify({ source, reason: 'They say that it has changed.' }),
    })
  const asked = await ask('office')
  expect([asked.status, (await ask('elsewhere')).status]).toEqual([202, 422])
  const made: unknown = await asked.json()
  expect(made).toMatchObject({ source: 'office', dryRun: true, outcome: null, report: null })
})
