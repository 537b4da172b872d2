import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { createSharedSession } from '../setup/door-api.ts'
import type { SharedSession } from '../setup/door-api.ts'

let scene: SharedSession
let api: TestApi
let owner: Person
let guest: Person
let id: SessionId
beforeAll(async () => {
  scene = await createSharedSession()
  ;({ api, owner } = scene)
})
afterAll(() => api.close())
beforeEach(async () => {
  guest = await api.person()
  await scene.setSharing('invited')
  await scene.renew()
  id = scene.id()
})

describe('collaborators', () => {
  test('come by their own account, see the session as its readers do, and do no more', async () => {
    expect((await scene.call('GET', `/v1/sessions/${id}`, guest)).status).toBe(404)
    expect((await scene.share(guest)).status).toBe(204)
    expect((await scene.call('GET', `/v1/sessions/${id}`, guest)).body.id).toBe(id)
    expect((await scene.call('GET', '/v1/sessions', guest)).body.items.map((s) => s.id)).toEqual([id])
    expect((await scene.call('GET', `/v1/sessions/${id}/events`, guest)).status).toBe(200)
    // The feed shows what no transaction of anybody can overtake any more.
    const fed = async () => (await scene.call('GET', '/v1/events', guest)).body.items.map((e) => e.sessionId)
    await expect.poll(fed, { timeout: 50_000 }).toContain(id)
    const { check } = await scene.follow((await scene.open(guest)).body.url)
    expect(await check()).toBe('open')
    for (const [method, path] of [
      ['DELETE', `/v1/sessions/${id}`],
      ['POST', `/v1/sessions/${id}/stop`],
      ['GET', `/v1/sessions/${id}/collaborators`],
      ['DELETE', `/v1/sessions/${id}/collaborators/${guest.id}`],
      ['GET', `/v1/sessions/${id}/connections/live`],
    ] as const)
      expect([path, (await scene.call(method, path, guest)).status]).toEqual([path, 403])
    expect((await scene.call('GET', `/v1/projects/${scene.projectId}`, guest)).status).toBe(404)

    expect((await scene.call('DELETE', `/v1/sessions/${id}/collaborators/${guest.id}`, owner)).status).toBe(204)
    expect(await check()).toBe('no_access')
    expect((await scene.call('GET', `/v1/sessions/${id}`, guest)).status).toBe(404)
    expect((await scene.call('GET', '/v1/sessions', guest)).body.items).toEqual([])
    expect((await scene.call('DELETE', `/v1/sessions/${id}/collaborators/${guest.id}`, owner)).status).toBe(404)
    // Let in again, one comes in anew: what was open stays closed.
    await scene.share(guest)
    expect(await check()).toBe('no_pass')
    const about = { accountId: guest.id }
    expect((await scene.events()).slice(1)).toEqual([
      ['session.shared', { ...about, mode: 'control' }],
      ['connection.opened', { ...about, door: 'web', mode: 'control' }],
      ['connection.closed', { ...about, door: 'web', mode: 'control', reason: 'withdrawn', bytesIn: 0, bytesOut: 0 }],
      ['session.unshared', about],
      ['session.shared', { ...about, mode: 'control' }],
    ])
  })

  test('for looking do not control; of whom control is taken, what is open ends', async () => {
    await scene.share(guest, 'view')
    expect((await scene.open(guest)).status).toBe(403)
    const looking = await scene.follow((await scene.open(guest, { door: 'web', mode: 'view' })).body.url)
    await scene.share(guest, 'control')
    expect(await looking.check()).toBe('open')
    const controlling = await scene.follow((await scene.open(guest)).body.url)
    expect(await controlling.check()).toBe('open')
    const ticket = (await scene.open(guest)).body.url
    await scene.share(guest, 'view')
    expect(await controlling.check()).toBe('no_access')
    expect((await scene.follow(ticket)).redeemed).toEqual({ kind: 'refused', code: 'ticket_used' })
  })

  test('are listed with their mode, and whether it holds', async () => {
    const other = await api.person()
    const first = await scene.share(guest, 'view')
    expect((await scene.share(other, 'control', first.headers.get('etag') ?? '')).status).toBe(204)
    expect((await scene.share(other, 'view', first.headers.get('etag') ?? '')).status).toBe(412)
    expect(
      (await scene.call('PUT', `/v1/sessions/${id}/collaborators/${guest.id}`, owner, { mode: 'view' })).status,
    ).toBe(428)
    const list = async () => await scene.call('GET', `/v1/sessions/${id}/collaborators`, owner)
    expect((await list()).body.items).toMatchObject([
      { accountId: other.id, mode: 'control', standing: true },
      { accountId: guest.id, mode: 'view', standing: true },
    ])
    await scene.setSharing('members')
    expect((await list()).body.items.map((c) => c['standing'])).toEqual([false, false])
    expect((await scene.call('GET', `/v1/sessions/${id}`, guest)).status).toBe(404)
  })

  test('are those alone whom template, project and data allow', async () => {
    const outcome = async (who: Person) => {
      const { status, body } = await scene.share(who)
      return status === 204 ? 204 : [status, body.code]
    }
    const member = await api.person()
    await scene.addMember(member)
    await scene.setSharing('off')
    expect(await outcome(member)).toEqual([403, 'sharing_off'])
    await scene.setSharing('members')
    expect(await outcome(guest)).toEqual([422, 'members_only'])
    expect(await outcome(member)).toBe(204)
    await scene.setSharing('invited')
    await sql`update session set mounts = '[{"source": {"kind": "dataset", "id": "d"}, "target": "/d", "mode": "ro"}]' where id = ${id}`.execute(
      api.db,
    )
    expect(await outcome(guest)).toEqual([422, 'members_only'])
    await sql`update session set mounts = '[]' where id = ${id}`.execute(api.db)
    expect(await outcome(guest)).toBe(204)
    expect(await outcome(owner)).toEqual([409, 'conflict'])
    await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', member.id).execute()
    expect(await outcome(member)).toEqual([404, 'not_found'])
    await scene.call('DELETE', `/v1/sessions/${id}`, owner)
    expect(await outcome(guest)).toEqual([409, 'conflict'])
  })

  test('stay only as long as their owner may work in the project, as rows and rules say alike', async () => {
    await scene.share(guest)
    const { check } = await scene.follow((await scene.open(guest)).body.url)
    const at = { project_id: scene.projectId as never, account_id: owner.id }
    for (const [role, stays] of [
      ['viewer', false],
      ['editor', true],
      [null, false],
      ['owner', true],
    ] as const) {
      await api.db
        .deleteFrom('project_member')
        .where((eb) => eb.and(at))
        .execute()
      if (role !== null)
        await api.db
          .insertInto('project_member')
          .values({ ...at, role })
          .execute()
      const standing = await api.db
        .selectFrom('standing_collaborator')
        .select('account_id')
        .where('session_id', '=', id)
        .execute()
      expect([role, standing.length, await check(), (await scene.open(guest)).status]).toEqual(
        stays ? [role, 1, 'open', 201] : [role, 0, 'no_access', 404],
      )
    }
  })

  test('may be anybody of whom rows and rules say the same', async () => {
    // Lists ask the rows, openings the rules: over all that decides, both see the same people.
    const values = ['off', 'members', 'invited'] as const
    await scene.share(guest)
    for (const template of [null, ...values])
      for (const project of values)
        for (const holdsData of [false, true])
          for (const role of [null, 'viewer'] as const) {
            await sql`update template_version set spec = ${template === null ? sql`spec - 'sharing'` : sql`jsonb_set(spec, '{sharing}', to_jsonb(${template}::text))`}
              where template_id = ${scene.templateId}`.execute(api.db)
            await sql`update project set sharing = ${project} where id = ${scene.projectId}`.execute(api.db)
            await sql`update session set mounts = ${holdsData ? '[{"source": {"kind": "experiment", "id": "e"}, "target": "/e", "mode": "rw"}]' : '[{"source": {"kind": "workspace", "id": "w"}, "target": "/w", "mode": "rw"}]'}::jsonb where id = ${id}`.execute(
              api.db,
            )
            await api.db
              .deleteFrom('project_member')
              .where('account_id', '=', guest.id)
              .where('project_id', '=', scene.projectId as never)
              .execute()
            if (role !== null)
              await api.db
                .insertInto('project_member')
                .values({ project_id: scene.projectId as never, account_id: guest.id, role })
                .execute()
            const listed = await api.db
              .selectFrom('standing_collaborator')
              .select('mode')
              .where('session_id', '=', id)
              .execute()
            const opened = await scene.open(guest)
            const sees = role !== null || listed.length > 0
            expect([template, project, holdsData, role, opened.status]).toEqual([
              template,
              project,
              holdsData,
              role,
              listed.length > 0 ? 201 : sees ? 403 : 404,
            ])
          }
    await sql`update template_version set spec = jsonb_set(spec, '{sharing}', '"invited"') where template_id = ${scene.templateId}`.execute(
      api.db,
    )
  })
})
