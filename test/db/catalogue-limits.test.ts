import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyListing } from '../../domain/catalogue.ts'
import type { CatalogueProject } from '../../domain/catalogue.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { listing, project, startCatalogueWorld } from '../setup/catalogues.ts'
import type { CatalogueWorld } from '../setup/catalogues.ts'

let world: CatalogueWorld
let api: TestApi
beforeAll(async () => {
  world = await startCatalogueWorld()
  api = world.api
})
afterAll(() => api.close())

const open: CatalogueWorld['open'] = (...ask) => world.open(...ask)
const person: CatalogueWorld['person'] = async (...who) => await world.person(...who)
const experiments: CatalogueWorld['experiments'] = async (who) => await world.experiments(who)
const namesOf: CatalogueWorld['namesOf'] = async (who) => await world.namesOf(who)

test('a catalogue that does not answer takes nothing away: what is known is shown, and said to be stale', async () => {
  const { catalogue, sync } = open('person')
  // So many that not all of them are asked about in vain.
  const ada = await person('ada3')
  for (let n = 0; n < 12; n++) await person(`beside${n}`)
  catalogue.says('ada3', listing(project('A')))
  await sync()
  catalogue.says('ada3', emptyListing)
  catalogue.answers('away')
  const down = await sync()
  expect(down).toMatchObject({ outcome: 'unreachable', report: { read: 0, why: 'It does not answer.' } })
  expect((await experiments(ada))[0]).toMatchObject({ name: 'Visit A-1', staleSince: expect.any(String) as string })
  catalogue.answers(true)
  catalogue.says('ada3', listing(project('A')))
  expect((await sync()).outcome).toBe('done')
  expect((await experiments(ada))[0]).toMatchObject({ staleSince: null })
})

test('whom a catalogue does not list keeps what is known of them, marked, and all others are read', async () => {
  const { catalogue, sync } = open('person')
  const people = await Promise.all(Array.from({ length: 6 }, async (_, n) => await person(`some${n}`)))
  people.forEach((_, n) => catalogue.says(`some${n}`, listing(project('A'))))
  await sync()
  people.forEach((_, n) => catalogue.says(`some${n}`, listing(project('B'))))
  // More of them than would be taken for an outage.
  for (let n = 0; n < 4; n++) catalogue.answers('refused', `some${n}`)
  const { outcome, report } = await sync()
  expect([outcome, report?.unread, report?.faultCount]).toEqual(['done', 4, 4])
  expect(report?.faults[0]).toMatchObject({ field: 'list', message: 'It lists no such person.' })
  expect(report?.faults.map(({ record }) => record)).toContain(people[0]?.id)
  const [refused, heard] = [people[0] as Person, people[5] as Person]
  const shown = async (who: Person) => (await experiments(who)).map((e) => [e.name, e['staleSince'] === null])
  expect([await shown(refused), await shown(heard)]).toEqual([[['Visit A-1', false]], [['Visit B-1', true]]])
  // Asked about alone, it is an answer, and no outage.
  expect(await sync({ accountId: refused.id })).toMatchObject({ outcome: 'done', report: { read: 0, unread: 1 } })
  expect(await namesOf(refused)).toEqual(['Visit A-1'])
})

test('a catalogue that does not let Carrel in is told apart, and takes nothing away', async () => {
  const { catalogue, sync } = open('person')
  const ada = await person('ada10')
  await person('max10')
  catalogue.says('ada10', listing(project('A')))
  await sync()
  catalogue.says('ada10', emptyListing)
  catalogue.answers('denied')
  expect(await sync()).toMatchObject({ outcome: 'denied', report: { read: 0, why: 'It does not let Carrel in.' } })
  expect((await experiments(ada))[0]).toMatchObject({ name: 'Visit A-1', staleSince: expect.any(String) as string })
})

test('everybody’s list in parts is one list, and one that lacks a part takes nothing away', async () => {
  const { catalogue, sync } = open('whole')
  const ada = await person('ada11')
  const of = (name: string) => listing(project(name, { members: [{ login: 'ada11', role: 'owner' }] }))
  catalogue.says(null, of('A'), of('B'), of('C'))
  expect(await sync()).toMatchObject({ outcome: 'done', report: { read: 1, counts: { addProject: 3 } } })
  catalogue.says(null, of('A'), of('C'))
  expect(await sync({ dryRun: true })).toMatchObject({
    report: { counts: { withdrawMember: 1, withdrawExperiment: 1 } },
  })
  const meanwhile = async () =>
    await api.db
      .updateTable('catalogue_listing')
      .set({ listing: null, gap: 'away', why: 'So.' })
      .where('part', '=', 1)
      .execute()
  expect(await sync({ meanwhile })).toMatchObject({ outcome: 'unreachable' })
  expect(await namesOf(ada)).toEqual(['Visit A-1', 'Visit B-1', 'Visit C-1'])
})

test('one person’s list takes from that person alone; an experiment goes when all of its project were heard', async () => {
  const { catalogue, sync } = open('person')
  const [ada, max] = [await person('ada12'), await person('max12')]
  for (const login of ['ada12', 'max12']) catalogue.says(login, listing(project('A')))
  await sync()
  catalogue.says('ada12', listing(project('A', { experiments: [] })))
  await sync({ accountId: ada.id })
  expect(await namesOf(max)).toEqual(['Visit A-1'])
  catalogue.says('max12', listing(project('A', { experiments: [] })))
  await sync()
  expect(await namesOf(max)).toEqual([])
})

test('what sign-ins take is held as much as what the schedule does', async () => {
  const { catalogue, sync } = open('person')
  const people = await Promise.all(Array.from({ length: 8 }, async (_, n) => await person(`at${n}`)))
  const mine = people.map((_, n) => project(`M${n}`, { experiments: [] }))
  people.forEach((_, n) => catalogue.says(`at${n}`, listing(mine[n] as CatalogueProject)))
  await sync()
  people.forEach((_, n) => catalogue.says(`at${n}`, emptyListing))
  const outcomes: (string | null)[] = []
  for (const { id } of people.slice(0, 6)) outcomes.push((await sync({ accountId: id })).outcome)
  expect(outcomes).toEqual(['done', 'done', 'done', 'done', 'done', 'withheld'])
  people.forEach((_, n) => catalogue.says(`at${n}`, listing(mine[n] as CatalogueProject)))
  await sync()
  // What waits for an operator does not go one by one either, until that is over.
  people.forEach((_, n) => catalogue.says(`at${n}`, emptyListing))
  expect((await sync()).outcome).toBe('withheld')
  const [first] = people as [Person]
  expect((await sync({ accountId: first.id })).outcome).toBe('withheld')
  people.slice(1).forEach((_, n) => catalogue.says(`at${n + 1}`, listing(mine[n + 1] as CatalogueProject)))
  await sync()
  catalogue.says('at1', emptyListing)
  expect((await sync({ accountId: (people[1] as Person).id })).outcome).toBe('done')
})

test('what cannot be done does not keep the rest from being done', async () => {
  const { catalogue, sync, source } = open('person', { changesPerBatch: 5 })
  const [gone, ada] = [await person('gone13'), await person('ada13')]
  const many = (name: string, count: number) =>
    listing(...Array.from({ length: count }, (_, n) => project(`${name}${n}`, { experiments: [] })))
  await sync()
  catalogue.says('gone13', many('G', 12))
  catalogue.says('ada13', many('M', 3))
  const disable = async () =>
    await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', gone.id).execute()
  await sync({ meanwhile: disable })
  const member = api.db.selectFrom('project_member').select('account_id').where('source', '=', source)
  expect((await member.execute()).map((row) => row.account_id)).toEqual(Array.from({ length: 3 }, () => ada.id))
})

test('an installation that may not act reads nothing and brings nothing in', async () => {
  const { catalogue, sync } = open('person')
  const ada = await person('ada14')
  catalogue.says('ada14', listing(project('A')))
  await api.db.updateTable('installation').set({ disarmed_at: new Date(), disarmed_reason: 'copied' }).execute()
  try {
    expect(await sync()).toMatchObject({ outcome: 'disarmed', report: null, lists: 0 })
  } finally {
    await api.db.updateTable('installation').set({ disarmed_at: null, disarmed_reason: null }).execute()
  }
  expect(await namesOf(ada)).toEqual([])
})

test('a sync goes on for as long as it is carried on; what is behind is said to be stale', async () => {
  const { catalogue, sync, source } = open('person')
  const ada = await person('ada15')
  catalogue.says('ada15', listing(project('A')))
  const mine = api.db.updateTable('catalogue_sync').where('source', '=', source).where('ended_at', 'is', null)
  const hoursAgo = new Date(Date.now() - 5 * 3_600_000)
  // It began long ago, and was seen just now.
  const late = await sync({ meanwhile: async () => await mine.set({ started_at: hoursAgo }).execute() })
  expect(late).toMatchObject({ outcome: 'done', changed: 3 })
  const lost = await sync({ meanwhile: async () => await mine.set({ seen_at: hoursAgo }).execute() })
  expect(lost.outcome).toBe('failed')
  // The one that began five hours ago was to be followed by another within two.
  const projects = await api.call('GET', '/v1/projects', { token: ada.token })
  const ours = projects.body.items.filter((item) => item['source'] === source)
  expect(ours).toMatchObject([{ staleSince: expect.any(String) as string }])
  expect((await experiments(ada))[0]).toMatchObject({ staleSince: expect.any(String) as string })
  await sync()
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

test('withdrawals that turn up once others were decided on wait like them', async () => {
  const { catalogue, sync, source } = open('whole')
  const people = await Promise.all(Array.from({ length: 7 }, async (_, n) => await person(`late${n}`)))
  const members = people.map((_, n) => ({ login: `late${n}`, role: null }))
  catalogue.says(null, listing(project('L', { members })))
  await sync()
  catalogue.says(null, listing(project('L', { members, name: 'Renamed' })))
  // An earlier batch found one; meanwhile nobody has a login any more.
  const report = JSON.stringify({ counts: { withdrawMember: 1 } })
  const turnsUp = async () => {
    const decided = api.db.updateTable('catalogue_sync').set({ may_withdraw: true, report })
    await decided.where('source', '=', source).where('ended_at', 'is', null).execute()
    const ids = people.map(({ id }) => id)
    await api.db.updateTable('identity').set({ claims: '{}' }).where('account_id', 'in', ids).execute()
  }
  expect(await sync({ meanwhile: turnsUp })).toMatchObject({ outcome: 'withheld', report: { withheld: 7 } })
  expect(await namesOf(people[0] as Person)).toHaveLength(1)
})

test('more than one transaction holds is done in several, once', async () => {
  const { catalogue, sync, source } = open('person', { changesPerBatch: 10 })
  const ada = await person('ada6')
  const many = Array.from({ length: 6 }, (_, n) => project(`M${n}`))
  catalogue.says('ada6', listing(...many))
  const { batches, report } = await sync()
  expect(batches).toBe(2)
  expect(report?.counts).toEqual({ addProject: 6, addExperiment: 6, addMember: 6 })
  const counted = await api.db
    .selectFrom('experiment')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('source', '=', source)
    .executeTakeFirstOrThrow()
  expect(Number(counted.count)).toBe(6)
  expect((await api.call('GET', '/v1/experiments?limit=200', { token: ada.token })).body.items).toHaveLength(6)
})

test('what a catalogue says is not changed here, what it leaves open is, and stays', async () => {
  const { catalogue, sync, source } = open('whole')
  const [owner, ada, guest] = [await person('own16'), await person('ada16'), await api.person()]
  const says = (role: 'owner' | 'viewer' | null) =>
    catalogue.says(
      null,
      listing(
        project('A', {
          members: [
            { login: 'own16', role: 'owner' },
            { login: 'ada16', role },
          ],
        }),
      ),
    )
  says(null)
  await sync()
  const { id } = await api.db.selectFrom('project').select('id').where('source', '=', source).executeTakeFirstOrThrow()
  const other = api.another({ catalogues: [{ id: source, extent: 'whole' }] })
  const change = async (method: string, path: string, body: object, by: Person = owner) => {
    const headers = { authorization: `Bearer ${by.token}`, 'content-type': 'application/json', 'if-match': '*' }
    const answer = await other.app.request(`/v1/projects/${id}${path}`, { method, headers, body: JSON.stringify(body) })
    return [answer.status, ((await answer.json().catch(() => ({}))) as { code?: string; detail?: string }).detail ?? '']
  }
  const roles = async () => {
    const rows = await api.db
      .selectFrom('project_member')
      .select(['account_id', 'role'])
      .where('project_id', '=', id)
      .execute()
    return Object.fromEntries(rows.map((row) => [row.account_id, row.role]))
  }
  const refused = [409, expect.stringContaining(source) as string]
  // It names the project and says who owns it; what the other is there is for people here.
  expect(await change('PATCH', '', { name: 'Mine' })).toEqual(refused)
  expect((await change('PATCH', '', { sharing: 'off' }))[0]).toBe(200)
  expect((await change('PUT', `/members/${ada.id}`, { role: 'owner' }))[0]).toBe(200)
  expect((await change('PUT', `/members/${guest.id}`, { role: 'viewer' }))[0]).toBe(200)
  expect(await change('PUT', `/members/${owner.id}`, { role: 'editor' })).toEqual(refused)
  expect(await change('POST', '/transfer', { accountId: ada.id })).toEqual(refused)
  expect(await change('POST', '/leave', {}, ada)).toEqual(refused)
  const ours = { [owner.id]: 'owner', [ada.id]: 'owner', [guest.id]: 'viewer' }
  expect(await roles()).toEqual(ours)
  await sync()
  expect(await roles()).toEqual(ours)
  // Once it says the role it has the word, until it says none.
  says('viewer')
  await sync()
  expect(await roles()).toEqual({ ...ours, [ada.id]: 'viewer' })
  expect(await change('PUT', `/members/${ada.id}`, { role: 'owner' })).toEqual(refused)
  says(null)
  await sync()
  expect((await change('PUT', `/members/${ada.id}`, { role: 'editor' }))[0]).toBe(200)
  expect(await roles()).toEqual({ ...ours, [ada.id]: 'editor' })
})
