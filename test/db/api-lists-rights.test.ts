import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import type { ProjectId, SessionId } from '../../domain/ids.ts'
import { projectRoles } from '../../domain/authorization.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'

let api: TestApi
let templateId: string
beforeAll(async () => {
  api = await startApi()
  templateId = await api.template({ sharing: 'invited' })
})
afterAll(() => api.close())

const people = 4
const who = fc.nat({ max: people - 1 })
const where = fc.nat({ max: 1 })

/** Who is what to which of two projects, and what is in them; by number. */
const worlds = fc.record({
  members: fc.array(fc.record({ who, where, role: fc.constantFrom(...projectRoles) }), { maxLength: 4 }),
  sessions: fc.array(fc.record({ who, where, guest: fc.option(who, { nil: null }) }), { minLength: 1, maxLength: 3 }),
  experiments: fc.array(fc.record({ where, audience: fc.constantFrom('project' as const, 'named' as const) }), {
    maxLength: 2,
  }),
  invitations: fc.array(fc.record({ where, guest: who }), { maxLength: 2 }),
  sharing: fc.constantFrom('off' as const, 'members' as const, 'invited' as const),
  leaves: fc.option(who, { nil: null }),
})
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never

const at = <T>(things: readonly T[], i: number): T => {
  const thing = things[i]
  if (thing === undefined) throw new Error(`There is no number ${i}.`)
  return thing
}
const mailOf = ({ id }: Person): string => `${id}@site.example`

/** Makes it, through the API where that is so; the addresses of everything that is in it. */
async function make(world: World, actors: readonly Person[]): Promise<string[]> {
  const { db } = api
  const lead = await api.person()
  const projects: ProjectId[] = []
  for (const name of ['One', 'Two'])
    projects.push((await api.call('POST', '/v1/projects', { token: lead.token, body: { name } })).body.id)
  await db.updateTable('project').set({ sharing: world.sharing }).where('id', 'in', projects).execute()
  // Whoever starts a session is an editor first.
  const starters = world.sessions.map(({ who: i, where: j }) => ({ who: i, where: j, role: 'editor' as const }))
  for (const { who: i, where: j, role } of [...starters, ...world.members])
    await db
      .insertInto('project_member')
      .values({ project_id: at(projects, j), account_id: at(actors, i).id, role })
      .onConflict((on) => on.doNothing())
      .execute()
  const paths = [...projects.map((id) => `/v1/projects/${id}`), ...actors.map(({ id }) => `/v1/accounts/${id}`)]
  for (const { who: i, where: j, guest } of world.sessions) {
    const body = { templateId, projectId: at(projects, j) }
    const ask = { token: at(actors, i).token, body, headers: { prefer: 'respond-async' } }
    const made = await api.call('POST', '/v1/sessions', ask)
    expect(made.status).toBeLessThan(300)
    const id: SessionId = made.body.id
    paths.push(`/v1/sessions/${id}`)
    if (guest === null || guest === i) continue
    const collaborator = { session_id: id, account_id: at(actors, guest).id, mode: 'view' as const }
    await db.insertInto('collaborator').values(collaborator).execute()
  }
  for (const { where: j, audience } of world.experiments) {
    const id = newId('experiment')
    await db
      .insertInto('experiment')
      .values({ id, project_id: at(projects, j), name: 'Visit', audience })
      .execute()
    paths.push(`/v1/experiments/${id}`)
  }
  for (const { where: j, guest } of world.invitations) {
    const path = `/v1/projects/${at(projects, j)}/invitations`
    const body = { email: mailOf(at(actors, guest)), role: 'viewer', anyone: true }
    const made = await api.call('POST', path, { token: lead.token, body })
    if (made.status === 201) paths.push(`/v1/invitations/${made.body.id}`)
  }
  if (world.leaves !== null)
    await db
      .deleteFrom('project_member')
      .where('account_id', '=', at(actors, world.leaves).id)
      .where('project_id', 'in', projects)
      .execute()
  return paths
}

const lists = ['projects', 'accounts', 'sessions', 'experiments', 'invitations']

/** The addresses of what its lists show to somebody. */
async function shownTo({ token }: Person): Promise<string[]> {
  const shown: string[] = []
  for (const list of lists) {
    const { status, body } = await api.call('GET', `/v1/${list}`, { token })
    expect([list, status, body.nextCursor]).toEqual([list, 200, null])
    shown.push(...body.items.map(({ id }) => `/v1/${list}/${id}`))
  }
  return shown
}

test('a list shows to nobody what a look at it would refuse', { timeout: 60_000 }, async () => {
  const seen = { shown: 0, refused: 0 }
  const property = fc.asyncProperty(worlds, async (world) => {
    const actors: Person[] = []
    for (let i = 0; i < people; i += 1) {
      const actor = await api.person()
      await api.db
        .updateTable('account')
        .set({ email: mailOf(actor) })
        .where('id', '=', actor.id)
        .execute()
      actors.push(actor)
    }
    const paths = await make(world, actors)
    for (const actor of actors) {
      const shown = await shownTo(actor)
      for (const path of new Set([...paths, ...shown])) {
        const { status } = await api.call('GET', path, { token: actor.token })
        const isShown = shown.includes(path)
        expect([200, 404]).toContain(status)
        if (isShown) expect([path, status]).toEqual([path, 200])
        if (isShown) seen.shown += 1
        if (status === 404) seen.refused += 1
      }
    }
  })
  await fc.assert(property, { seed: 7, numRuns: 10, endOnFailure: true })
  expect(Math.min(seen.shown, seen.refused)).toBeGreaterThan(50)
})
