import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi } from '../setup/api.ts'
import type { Body, Person, TestApi } from '../setup/api.ts'
import { pick, seeded } from '../setup/seeded.ts'

let api: TestApi
let admin: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

const list = (who: Pick<Person, 'token'>, query = '') =>
  api.call('GET', `/v1/accounts?limit=200${query}`, { token: who.token })
const idsOf = (items: readonly Body[]) => items.map((item) => item.id as string)
const call = (person: Person, names: object) =>
  api.db.updateTable('account').set(names).where('id', '=', person.id).execute()

describe('an admin', () => {
  test('finds by name, address, organisation and identity, by all words and in any case', async () => {
    const [ada, eve] = [await api.person({ organisation: 'ESS ERIC' }), await api.person({ organisation: 'ESS ERIC' })]
    await call(ada, { display_name: 'Ada Lovelace', email: 'ada@example.org' })
    await call(eve, { display_name: 'Eve 100%_Smith' })
    const identity = { issuer: 'https://login.example.org', subject: 'Sub-4711', account_id: ada.id }
    await api.db
      .insertInto('identity')
      .values({ ...identity, claims: JSON.stringify({ login: 'lovelace-a' }) })
      .execute()
    const found = async (search: string) =>
      idsOf((await list(admin, `&search=${encodeURIComponent(search)}`)).body.items)
    for (const search of ['LOVE', 'ada@example', 'lovelace ess', 'sub-4711', 'lovelace-a', ada.id])
      expect(await found(search), search).toEqual([ada.id])
    expect(await found('ess eric')).toEqual([ada.id, eve.id].sort().reverse())
    // Signs of patterns are what they are.
    expect(await found('100%_')).toEqual([eve.id])
    expect(await found('%')).toEqual([eve.id])
    expect(await found('ada smith')).toEqual([])
  })

  test('pages through what is found, and asks for roles and for who is out', async () => {
    const people = await Promise.all(
      Array.from({ length: 7 }, () => api.person({ organisation: 'Paged', roles: ['operator'] })),
    )
    await call(people[3] as Person, { disabled_at: new Date() })
    const seen: string[] = []
    for (let cursor = ''; ;) {
      const page = await api.call('GET', `/v1/accounts?limit=3&search=paged${cursor}`, { token: admin.token })
      seen.push(...idsOf(page.body.items))
      if (page.body.nextCursor === null) break
      cursor = `&cursor=${page.body.nextCursor}`
    }
    expect(seen).toEqual(
      people
        .map((person) => person.id as string)
        .sort()
        .reverse(),
    )
    expect(idsOf((await list(admin, '&search=paged&disabled=true')).body.items)).toEqual([people[3]?.id])
    expect((await list(admin, '&search=paged&disabled=false&role=operator')).body.items).toHaveLength(6)
    expect((await list(admin, '&search=paged&role=admin')).body.items).toEqual([])
    expect((await list(admin, '&role=king')).status).toBe(422)
    expect((await list(admin, '&search=')).status).toBe(422)
  })

  test('of ten thousand finds one in no time that anybody waits for', async () => {
    const crowded = await startApi()
    try {
      await sql`
        with people as (insert into account (id, display_name, email, organisation, roles)
          select 'a0' || lpad(n::text, 12, '0'), 'Person ' || n, 'person.' || n || '@example.org', 'Organisation ' || n % 50, '{member}'
          from generate_series(1, 10000) n returning id)
        insert into project (id, name, personal_of) select 'p' || substr(id, 2), 'Personal', id from people`.execute(
        crowded.db,
      )
      const { token } = await crowded.person({ roles: ['admin'] })
      const since = performance.now()
      const found = await crowded.call('GET', '/v1/accounts?search=person.7777%40example', { token })
      const tookMs = performance.now() - since
      expect(idsOf(found.body.items)).toEqual(['a0000000007777'])
      // A bound against what does not end, not a measurement: idle, it takes a fiftieth of it.
      expect(tookMs).toBeLessThan(5_000)
    } finally {
      await crowded.close()
    }
  })
})

describe('everybody else', () => {
  const keys = ['displayName', 'id', 'organisation']

  test('sees of those whom they share a project with three things, and of nobody else anything', async () => {
    const [me, mate, stranger] = [await api.person(), await api.person(), await api.person()]
    await call(mate, { display_name: 'Mate', email: 'mate@secret.example' })
    const project = await api.call('POST', '/v1/projects', { token: me.token, body: { name: 'Shared' } })
    const member = { project_id: project.body.id, account_id: mate.id, role: 'viewer' as const }
    await api.db.insertInto('project_member').values(member).execute()
    const seen = (await list(me)).body.items
    expect(new Set(idsOf(seen))).toEqual(new Set([me.id, mate.id]))
    for (const item of seen) expect(Object.keys(item).sort()).toEqual(keys)
    const read = await api.call('GET', `/v1/accounts/${mate.id}`, { token: me.token })
    expect([read.status, Object.keys(read.body).sort(), read.headers.get('etag')]).toEqual([200, keys, null])
    expect((await api.call('GET', `/v1/accounts/${stranger.id}`, { token: me.token })).status).toBe(404)
    // Nothing is found by what is not shown.
    expect((await list(me, '&search=secret.example')).body.items).toEqual([])
    expect(idsOf((await list(me, '&search=mate')).body.items)).toEqual([mate.id])
    for (const query of ['&role=admin', '&disabled=true']) expect((await list(me, query)).status).toBe(403)
    // A closed project is nobody's company.
    await api.db.updateTable('project').set({ closed_at: new Date() }).where('id', '=', project.body.id).execute()
    expect(idsOf((await list(me)).body.items)).toEqual([me.id])
    expect((await api.call('GET', `/v1/accounts/${mate.id}`, { token: me.token })).status).toBe(404)
  })

  test('reads all of themselves; who acts for them sees the three things; an operator is a member here', async () => {
    const [me, portal, operator] = [await api.person(), await api.person(), await api.person({ roles: ['operator'] })]
    const own = await api.call('GET', `/v1/accounts/${me.id}`, { token: me.token })
    expect(own.body).toMatchObject({ id: me.id, roles: ['member'], personalProjectId: me.projectId })
    const acting = { token: portal.token, headers: { 'carrel-on-behalf-of': me.id } }
    expect(Object.keys((await api.call('GET', `/v1/accounts/${me.id}`, acting)).body).sort()).toEqual(keys)
    expect((await api.call('GET', `/v1/accounts/${me.id}`, { token: operator.token })).status).toBe(404)
    const posing = { token: portal.token, headers: { 'carrel-on-behalf-of': admin.id } }
    expect(idsOf((await api.call('GET', '/v1/accounts', posing)).body.items)).toEqual([admin.id])
    // An admin's token that only reads is no admin's.
    const reader = { token: await api.token(admin.id, ['read']) }
    expect(idsOf((await list(reader)).body.items)).toEqual([admin.id])
  })

  test('a list shows nobody whom reading one by one would refuse, and leaves out nobody whom it would not', async () => {
    const random = seeded(20_261_122)
    const people = await Promise.all(Array.from({ length: 8 }, () => api.person()))
    for (let n = 0; n < 5; n += 1) {
      const owner = pick(random, people)
      const project = await api.call('POST', '/v1/projects', { token: owner.token, body: { name: `P${n}` } })
      for (const person of people.filter((one) => one !== owner && random() < 0.4))
        await api.db
          .insertInto('project_member')
          .values({
            project_id: project.body.id,
            account_id: person.id,
            role: pick(random, ['viewer', 'editor'] as const),
          })
          .execute()
      if (random() < 0.3)
        await api.db.updateTable('project').set({ closed_at: new Date() }).where('id', '=', project.body.id).execute()
    }
    await call(people[0] as Person, { disabled_at: new Date() })
    for (const me of people.slice(1)) {
      const listed = new Set(idsOf((await list(me)).body.items))
      for (const { id } of people) {
        const { status } = await api.call('GET', `/v1/accounts/${id}`, { token: me.token })
        expect([id, status]).toEqual([id, listed.has(id) ? 200 : 404])
      }
    }
  })
})
