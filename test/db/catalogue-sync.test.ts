import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCatalogueActivities } from '../../activities/catalogue.ts'
import type { CatalogueRead } from '../../activities/catalogue.ts'
import { askSync, askSyncsAtSignIn, claimSyncs, getSync } from '../../db/catalogue-asks.ts'
import { doorFacts } from '../../db/doors.ts'
import { usableMode } from '../../domain/authorization.ts'
import { emptyListing } from '../../domain/catalogue.ts'
import type { CatalogueExperiment, CatalogueListing, CatalogueProject } from '../../domain/catalogue.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, SyncId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { createFakeCatalogue } from '../../ports/identity/catalogue/fake/catalogue.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let template: string
const issuer = 'https://login.example.org'

beforeAll(async () => {
  api = await startApi()
  template = await api.template({ mounts: [{ kind: 'experiment', modes: ['ro'] }], user: 'account' })
  const root = { path: '/data', provider_id: 'fake' as never, host_path: '/mnt' }
  await api.db.insertInto('data_root').values(root).execute()
})
afterAll(() => api.close())

/** A catalogue of its own, and the sync of it as its workflow carries it out. */
function open(extent: 'person' | 'whole', more: { readonly withdrawn?: 'stop' | 'keepDoorsShut' } = {}) {
  const source = `c${newId('sync')}`
  const catalogue = createFakeCatalogue(extent)
  const { readCatalogue, settleCatalogue } = createCatalogueActivities({
    db: api.db,
    timings: defaultTimings,
    sources: new Map([[source, { catalogue, issuers: [issuer] }]]),
    ...more,
  })
  const environment = () => new MockActivityEnvironment()
  const sync = async (over: { dryRun?: boolean; allowWithdrawals?: number; accountId?: AccountId } = {}) => {
    const id = newId('sync')
    const ask = { dryRun: false, allowWithdrawals: 0, accountId: null, ...over }
    await api.db.transaction().execute(async (trx) => await askSync(trx, { id, source, requestedBy: null, ...ask }))
    const run = { source, syncId: id as string, runId: id as string, atMostMs: 60_000 }
    for (let after: string | null = null; ;) {
      const read: CatalogueRead = await environment().run(readCatalogue, { ...run, after })
      after = read.after
      if (after === null) break
    }
    let batches = 1
    for (; (await settle(run)).more; batches++);
    const ended = await getSync(api.db, id)
    if (ended === null) throw new Error('It was asked for.')
    return { ...ended, batches }
  }
  const settle = async (run: Parameters<typeof settleCatalogue>[0]): Promise<{ readonly more: boolean }> =>
    await environment().run(settleCatalogue, run)
  return { source, catalogue, sync }
}

async function person(login: string | null, saidBy = issuer): Promise<Person> {
  const made = await api.person()
  const claims = login === null ? {} : { login }
  await api.db
    .insertInto('identity')
    .values({ issuer: saidBy, subject: made.id, account_id: made.id, claims: JSON.stringify(claims) })
    .execute()
  return made
}

const experiment = (externalId: string, over: Partial<CatalogueExperiment> = {}): CatalogueExperiment => ({
  externalId,
  name: `Visit ${externalId}`,
  description: '',
  instrument: 'ID01',
  starts: null,
  ends: null,
  posix: null,
  datasets: [{ name: 'raw', path: `/data/${externalId}`, target: '/experiment/raw', mode: 'ro' }],
  members: null,
  ...over,
})
const project = (externalId: string, over: Partial<CatalogueProject> = {}): CatalogueProject => ({
  externalId,
  name: `Proposal ${externalId}`,
  description: '',
  experiments: [experiment(`${externalId}-1`)],
  members: [],
  partial: false,
  ...over,
})
const listing = (...projects: readonly CatalogueProject[]): CatalogueListing => ({ ...emptyListing, projects })

const experiments = async (who: Person) =>
  (await api.call('GET', '/v1/experiments?order=name', { token: who.token })).body.items
const namesOf = async (who: Person) => (await experiments(who)).map((item) => item.name)

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

test('a catalogue that does not answer takes nothing away: what is known is shown, and said to be stale', async () => {
  const { catalogue, sync } = open('person')
  // So many that not all of them are asked about in vain.
  const ada = await person('ada3')
  for (let n = 0; n < 12; n++) await person(`beside${n}`)
  catalogue.says('ada3', listing(project('A')))
  await sync()
  catalogue.says('ada3', emptyListing)
  catalogue.answers(false)
  const down = await sync()
  expect(down).toMatchObject({ outcome: 'unreachable', report: { read: 0, why: 'It does not answer.' } })
  expect((await experiments(ada))[0]).toMatchObject({ name: 'Visit A-1', staleSince: expect.any(String) as string })
  catalogue.answers(true)
  catalogue.says('ada3', listing(project('A')))
  expect((await sync()).outcome).toBe('done')
  expect((await experiments(ada))[0]).toMatchObject({ staleSince: null })
})

test('many withdrawals wait for an operator, and all else is done; a dry run does nothing', async () => {
  const { catalogue, sync } = open('whole')
  const people = await Promise.all(Array.from({ length: 7 }, async (_, n) => await person(`many${n}`)))
  const members = people.map((_, n) => ({ login: `many${n}`, role: null }))
  catalogue.says(null, listing(project('A', { members })))
  expect((await sync({ dryRun: true })).report).toMatchObject({ counts: { addMember: 7 } })
  expect(await Promise.all(people.map(namesOf))).toEqual(people.map(() => []))
  await sync()
  catalogue.says(null, listing(project('A', { members: members.slice(6), name: 'Renamed' })))
  expect(await sync()).toMatchObject({ outcome: 'withheld', report: { withheld: 6 } })
  expect((await experiments(people[0] as Person))[0]).toMatchObject({ projectName: 'Renamed' })
  expect(await sync({ dryRun: true, allowWithdrawals: 6 })).toMatchObject({ outcome: 'done' })
  expect(await namesOf(people[0] as Person)).toHaveLength(1)
  expect(await sync({ allowWithdrawals: 6 })).toMatchObject({ outcome: 'done', report: { withheld: null } })
  expect(await Promise.all(people.map(async (p) => (await namesOf(p)).length))).toEqual([0, 0, 0, 0, 0, 0, 1])
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

test('more than one transaction holds is done in several, once', async () => {
  const { catalogue, sync, source } = open('person')
  const ada = await person('ada6')
  const many = Array.from({ length: 130 }, (_, n) => project(`M${n}`))
  catalogue.says('ada6', listing(...many))
  const { batches, report } = await sync()
  expect(batches).toBe(2)
  expect(report?.counts).toEqual({ addProject: 130, addExperiment: 130, addMember: 130 })
  const counted = await api.db
    .selectFrom('experiment')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('source', '=', source)
    .executeTakeFirstOrThrow()
  expect(Number(counted.count)).toBe(130)
  expect((await api.call('GET', '/v1/experiments?limit=200', { token: ada.token })).body.items).toHaveLength(130)
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
