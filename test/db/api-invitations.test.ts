// oxlint-disable max-lines -- each way that an invitation is answered, beside the scene that they share
import { createParser } from 'eventsource-parser'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../db/connect.ts'
import type { InvitationId, SessionId } from '../../domain/ids.ts'
import { callApp } from '../setup/api.ts'
import type { Answer, Ask, Person, TestApi } from '../setup/api.ts'
import { holding, untilBlocked } from '../setup/blocked.ts'
import { createSharedSession } from '../setup/door-api.ts'
import type { SharedSession } from '../setup/door-api.ts'

let scene: SharedSession
let api: TestApi
let owner: Person
let guest: Person
let sessionId: SessionId
let projectId: string
let counter = 0
const newEmail = () => `guest${(counter += 1)}@site.example`

/** Somebody whose address an admin vouches for. */
async function known(email = newEmail()): Promise<Person & { email: string }> {
  const person = await api.person()
  await api.db.updateTable('account').set({ email }).where('id', '=', person.id).execute()
  return { ...person, email }
}

let email: string
beforeAll(async () => {
  scene = await createSharedSession()
  ;({ api, owner } = scene)
})
afterAll(() => api.close())
beforeEach(async () => {
  await scene.setSharing('invited')
  await scene.renew()
  sessionId = scene.id()
  const project = await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Compilers' } })
  projectId = project.body.id
  const someone = await known()
  guest = someone
  email = someone.email
})

const as = (person: Person, method: string, path: string, ask: Ask = {}): Promise<Answer> =>
  api.call(method, path, { token: person.token, ...ask })
const inviteToProject = (body: object = {}, who = owner) =>
  as(who, 'POST', `/v1/projects/${projectId}/invitations`, { body: { email, role: 'viewer', ...body } })
const inviteToSession = (body: object = {}, who = owner) =>
  as(who, 'POST', `/v1/sessions/${sessionId}/invitations`, { body: { email, mode: 'view', ...body } })
const codeOf = (invited: Answer): string => String(invited.body['link']).split('#')[1] ?? ''
const accept = (who: Person, body: object) => as(who, 'POST', '/v1/invitation-acceptances', { body, key: null })
const decline = (who: Person, body: object) => as(who, 'POST', '/v1/invitation-refusals', { body, key: null })
const stateOf = async (id: InvitationId) =>
  await api.db.selectFrom('invitation').select(['state', 'reason']).where('id', '=', id).executeTakeFirstOrThrow()
const roleOf = async (person: Person) =>
  (
    await api.db
      .selectFrom('project_member')
      .select('role')
      .where('project_id', '=', projectId as never)
      .where('account_id', '=', person.id)
      .executeTakeFirst()
  )?.role ?? null

test('whoever wrote invitations, and whom they are for, may follow how they stand, as one is now and from then on', async () => {
  const follow = async (person: Person, direction: string) => {
    const headers = { authorization: `Bearer ${person.token}`, accept: 'text/event-stream' }
    const answer = await api.app.app.request(`/v1/invitations?direction=${direction}`, { headers })
    expect(answer.status).toBe(200)
    const heard: unknown[] = []
    const parser = createParser({
      onEvent({ event, data }) {
        const { id, state } = JSON.parse(data) as Answer['body']
        heard.push([event, id, state])
      },
    })
    const reader = answer.body?.getReader()
    const pump = async () => {
      for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read())
        parser.feed(Buffer.from(chunk.value).toString())
    }
    const pumped = pump()
    const leave = async () => {
      await reader?.cancel()
      await pumped
    }
    return { heard, leave }
  }
  const inviter = await api.person()
  const place = await as(inviter, 'POST', '/v1/projects', { body: { name: 'Followed' } })
  const write = async (to: string) => {
    const body = { email: to, role: 'viewer' }
    return (await as(inviter, 'POST', `/v1/projects/${place.body.id}/invitations`, { body })).body.id
  }
  const first = await write(email)
  const streams = [await follow(inviter, 'sent'), await follow(guest, 'received')] as const
  const told: unknown[] = [['invitation', first, 'sent']]
  for (const { heard } of streams) await expect.poll(() => heard).toEqual(told)
  expect((await accept(guest, { invitationId: first })).status).toBe(200)
  told.push(['invitation', first, 'accepted'])
  for (const { heard } of streams) await expect.poll(() => heard).toEqual(told)
  const second = await write(newEmail())
  await expect.poll(() => streams[0].heard).toEqual([...told, ['invitation', second, 'sent']])
  expect(streams[1].heard).toEqual(told)
  for (const { leave } of streams) await leave()
})

describe('an invitation into a project', () => {
  test('is brought by its link, seen before, accepted once, and makes a member', async () => {
    const invited = await inviteToProject({ role: 'editor' })
    expect(invited.status).toBe(201)
    expect(invited.body).toMatchObject({ state: 'sent', delivery: 'link', email, role: 'editor', session: null })
    expect(invited.headers.get('location')).toBe(`/v1/invitations/${invited.body.id}`)
    const code = codeOf(invited)
    expect(code).toMatch(/^carrel_invitation_[A-Za-z0-9_-]{43}$/)

    const seen = await as(guest, 'POST', '/v1/invitation-views', { body: { code }, key: null })
    expect(seen.body).toMatchObject({ project: { id: projectId, name: 'Compilers' }, mayAccept: true, why: null })
    expect(seen.body['email']).toBe('g…@site.example')
    expect((await as(guest, 'GET', '/v1/invitations')).body.items.map((i) => i.id)).toEqual([invited.body.id])
    expect((await as(guest, 'GET', `/v1/projects/${projectId}`)).status).toBe(404)

    const accepted = await accept(guest, { code })
    expect([accepted.status, accepted.body.state, accepted.body['acceptedBy']]).toEqual([200, 'accepted', guest.id])
    expect(await roleOf(guest)).toBe('editor')
    expect((await accept(guest, { code })).body).toEqual(accepted.body)
    expect((await as(owner, 'POST', `/v1/invitations/${invited.body.id}/revoke`, { key: null })).body.code).toBe(
      'invitation_over',
    )
    const read = await as(owner, 'GET', `/v1/invitations/${invited.body.id}`)
    expect((read.body['history'] as { data: object }[]).map(({ data }) => data)).toEqual([
      { state: 'sent' },
      { state: 'accepted', accountId: guest.id },
    ])
  })

  test('is accepted without its link by whom it names, and by nobody else', async () => {
    const invited = await inviteToProject()
    const other = await known()
    const { id } = invited.body
    expect((await accept(other, { invitationId: id })).status).toBe(404)
    expect((await decline(other, { invitationId: id })).status).toBe(404)
    expect((await as(other, 'GET', `/v1/invitations/${id}`)).status).toBe(404)
    expect((await accept(other, { code: codeOf(invited) })).body.code).toBe('email_differs')
    expect((await decline(other, { code: codeOf(invited) })).body.code).toBe('email_differs')
    expect((await stateOf(id)).state).toBe('sent')
    expect((await accept(guest, { invitationId: id })).status).toBe(200)
  })

  test('for whoever has the link is accepted by the first, and once', async () => {
    const code = codeOf(await inviteToProject({ anyone: true }))
    const people = await Promise.all([known(), known(), known()])
    const answers = await Promise.all(people.map((person) => accept(person, { code })))
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 409, 409])
    const members = await Promise.all(people.map(roleOf))
    expect(members.filter((role) => role !== null)).toEqual(['viewer'])
    expect((await inviteToProject({ anyone: true, role: 'owner' })).body.errors).toMatchObject([{ pointer: '/anyone' }])
  })

  test('an address that an issuer has not verified proves nothing', async () => {
    const code = codeOf(await inviteToProject())
    const identity = { issuer: 'https://issuer.example', subject: guest.id, account_id: guest.id, email }
    await api.db.insertInto('identity').values(identity).execute()
    // Nor what stands in the account, once somebody signs in to it by an issuer.
    expect((await accept(guest, { code })).body.code).toBe('email_differs')
    await api.db.updateTable('identity').set({ email_verified: true }).where('subject', '=', guest.id).execute()
    expect((await accept(guest, { code })).status).toBe(200)
  })

  test('is for whom the address belongs to when it is accepted, and not a moment before', async () => {
    // admin:   change the address ──────────────── commit
    // accept:      hold the account (waits) ············ whose is it? nobody's
    const code = codeOf(await inviteToProject())
    const answer = await holding(
      api.db,
      async (trx) => await trx.updateTable('account').set({ email: newEmail() }).where('id', '=', guest.id).execute(),
      async () => await accept(guest, { code }),
    )
    expect(answer.body.code).toBe('email_differs')
    expect(await roleOf(guest)).toBe(null)
  })

  test('offers no more than whoever writes it has', async () => {
    const [editor, viewer] = [await known(), await known()]
    for (const [person, role] of [
      [editor, 'editor'],
      [viewer, 'viewer'],
    ] as const)
      await api.db
        .insertInto('project_member')
        .values({ project_id: projectId as never, account_id: person.id, role })
        .execute()
    expect((await inviteToProject({ role: 'editor' }, viewer)).status).toBe(403)
    expect((await inviteToProject({ role: 'owner' }, editor)).status).toBe(403)
    expect((await inviteToProject({ role: 'editor' }, await known())).status).toBe(404)
    expect((await inviteToProject({ role: 'editor' }, editor)).status).toBe(201)
    const personal = `/v1/projects/${owner.projectId}/invitations`
    expect((await as(owner, 'POST', personal, { body: { email, role: 'viewer' } })).status).toBe(409)
  })

  test('offers, by who acts for an admin, no more than that account has in the project', async () => {
    const [admin, portal] = [await api.person({ roles: ['admin'] }), await known()]
    await api.db
      .insertInto('project_member')
      .values({ project_id: projectId as never, account_id: admin.id, role: 'editor' })
      .execute()
    const ask = (role: string) => ({
      body: { email: newEmail(), role },
      headers: { 'carrel-on-behalf-of': admin.id },
    })
    const path = `/v1/projects/${projectId}/invitations`
    expect((await as(portal, 'POST', path, ask('owner'))).status).toBe(403)
    expect((await as(portal, 'POST', path, ask('editor'))).status).toBe(201)
    expect((await inviteToProject({ role: 'owner' }, admin)).status).toBe(201)
  })

  test('is worth nothing when its inviter has lost the right, and its row says so', async () => {
    const editor = await known()
    await api.db
      .insertInto('project_member')
      .values({ project_id: projectId as never, account_id: editor.id, role: 'editor' })
      .execute()
    const invited = await inviteToProject({ role: 'editor' }, editor)
    await as(owner, 'PUT', `/v1/projects/${projectId}/members/${editor.id}`, {
      body: { role: 'viewer' },
      headers: { 'if-match': '*' },
    })
    const refused = await accept(guest, { code: codeOf(invited) })
    expect([refused.status, refused.body.code]).toEqual([409, 'invitation_over'])
    expect(await stateOf(invited.body.id)).toEqual({ state: 'revoked', reason: 'right_lost' })
    expect(await roleOf(guest)).toBe(null)
  })

  test('takes nothing from whoever has more already', async () => {
    const other = await known()
    await api.db
      .insertInto('project_member')
      .values({ project_id: projectId as never, account_id: other.id, role: 'owner' })
      .execute()
    const invited = await inviteToProject({ email: other.email })
    expect((await accept(other, { code: codeOf(invited) })).status).toBe(200)
    expect(await roleOf(other)).toBe('owner')
  })

  test('is one for a person and a place; written again by the same key it is the same, without its link', async () => {
    const key = `k${newEmail()}`
    const ask = { body: { email: email.toUpperCase(), role: 'viewer' }, key }
    const path = `/v1/projects/${projectId}/invitations`
    const first = await as(owner, 'POST', path, ask)
    const again = await as(owner, 'POST', path, ask)
    expect([again.status, again.body.id, again.body['secretShown']]).toEqual([200, first.body.id, true])
    expect(again.text).not.toContain(codeOf(first))
    expect((await inviteToProject()).body.code).toBe('already_invited')
    await decline(guest, { code: codeOf(first) })
    expect((await decline(guest, { code: codeOf(first) })).body.state).toBe('declined')
    expect((await accept(guest, { code: codeOf(first) })).body.code).toBe('invitation_over')
    expect((await inviteToProject()).status).toBe(201)
  })

  test('is over with its time, whoever looks first', async () => {
    const invited = await inviteToProject({ expiresInDays: 1 })
    const past = new Date(Date.now() - 1_000)
    await api.db.updateTable('invitation').set({ expires_at: past }).where('id', '=', invited.body.id).execute()
    expect((await accept(guest, { code: codeOf(invited) })).body.code).toBe('invitation_over')
    expect(await roleOf(guest)).toBe(null)
  })

  test.each(['ada', 'ada@localhost', 'ada@site.example\r\nBcc: x@y.example', ''])('is not for %j', async (wrong) => {
    expect((await inviteToProject({ email: wrong })).body.errors).toMatchObject([{ in: 'body', pointer: '/email' }])
  })

  test('is not written without end', async () => {
    const few = { delivery: 'link', pageUrl: 'https://portal.example/join', language: 'nl', days: 3 } as const
    const other = api.another({ invitations: { ...few, rates: { perAccount: 2, perProject: 9, perAddress: 9 } } })
    const writer = await known()
    const project = await api.call('POST', '/v1/projects', { token: writer.token, body: { name: 'Many' } })
    const write = () =>
      callApp(other, 'POST', `/v1/projects/${project.body.id}/invitations`, {
        token: writer.token,
        body: { email: newEmail(), role: 'viewer' },
      })
    const answers = await Promise.all([write(), write(), write(), write()])
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([201, 201, 429, 429])
    const made = answers.find((answer) => answer.status === 201)
    expect(made?.body).toMatchObject({ language: 'nl', delivery: 'link' })
    expect(String(made?.body['link'])).toMatch(/^https:\/\/portal\.example\/join#carrel_invitation_/)
    const refused = answers.find((answer) => answer.status === 429)
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(3_600)
  })
})

test('twenty that are written at once wait for one another, and nobody else for them', async () => {
  const db = connect({ url: api.url, poolSize: 5 })
  const busy = api.another({}, db)
  const [writer, other] = [await known(), await known()]
  const { body } = await as(writer, 'POST', '/v1/projects', { body: { name: 'Many' } })
  const ask = () => ({ token: writer.token, body: { email: newEmail(), role: 'viewer' } })
  const write = async () => await callApp(busy, 'POST', `/v1/projects/${body.id}/invitations`, ask())
  // The writer's row is kept from all of them: whoever is first waits, with its turn in its hands.
  const { all, seen } = await api.db.transaction().execute(async (trx) => {
    await trx.selectFrom('account').select('id').where('id', '=', writer.id).forUpdate().execute()
    const written = Promise.all(Array.from({ length: 20 }, write))
    await untilBlocked(api.db)
    return { all: { written }, seen: await callApp(busy, 'GET', '/v1/whoami', { token: other.token }) }
  })
  expect(seen.status).toBe(200)
  expect((await all.written).map(({ status }) => status)).toEqual(Array(20).fill(201))
  await db.destroy()
})

test('one address is sent so many mails a day and no more, whoever writes them, and however often', async () => {
  const rates = { perAccount: 9, perProject: 9, perAddress: 3 }
  const few = { delivery: 'mail', pageUrl: 'https://portal.example/join', language: 'en', days: 3, rates } as const
  const mailing = api.another({ invitations: few })
  const to = newEmail()
  const write = async () => {
    const writer = await known()
    const { body } = await as(writer, 'POST', '/v1/projects', { body: { name: 'Many' } })
    const ask = { token: writer.token, body: { email: to, role: 'viewer' } }
    return { writer, made: await callApp(mailing, 'POST', `/v1/projects/${body.id}/invitations`, ask) }
  }
  const [first, second] = [await write(), await write()]
  const { id } = first.made.body
  const again = async () => {
    // The last one went out an hour ago.
    const sent = { ended_at: new Date(), outcome: 'sent', wanted_at: new Date(Date.now() - 3_600_000) } as const
    await api.db.updateTable('invitation_mail').set(sent).where('invitation_id', '=', id).execute()
    await api.db.updateTable('invitation').set({ state: 'sent' }).where('id', '=', id).execute()
    return await callApp(mailing, 'POST', `/v1/invitations/${id}/resend`, { token: first.writer.token, key: null })
  }
  expect([first.made.status, second.made.status, (await again()).status]).toEqual([201, 201, 200])
  const refused = await again()
  expect([refused.status, refused.body.code]).toEqual([429, 'too_many_requests'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_600)
  expect((await write()).made.status).toBe(429)
})

describe('an invitation into a session', () => {
  test('lets somebody look, and ends it within the recheck when they are removed', async () => {
    const invited = await inviteToSession()
    expect(invited.body).toMatchObject({ mode: 'view', role: null, session: { id: sessionId } })
    expect((await accept(guest, { code: codeOf(invited) })).status).toBe(200)
    expect((await scene.open(guest)).status).toBe(403)
    const looking = await scene.follow((await scene.open(guest, { door: 'web', mode: 'view' })).body.url)
    expect(await looking.check()).toBe('open')
    expect((await as(owner, 'DELETE', `/v1/sessions/${sessionId}/collaborators/${guest.id}`)).status).toBe(204)
    expect(await looking.check()).toBe('no_access')
    // The link was for once.
    expect((await accept(await known(), { code: codeOf(invited) })).status).toBe(403)
  })

  test('is written by its owner alone, where it may be shared', async () => {
    const member = await known()
    await api.db
      .insertInto('project_member')
      .values({ project_id: scene.projectId as never, account_id: member.id, role: 'editor' })
      .onConflict((c) => c.doNothing())
      .execute()
    expect((await inviteToSession({}, member)).status).toBe(403)
    await scene.setSharing('off')
    expect((await inviteToSession()).body.code).toBe('sharing_off')
    await scene.setSharing('members')
    const invited = await inviteToSession()
    expect((await accept(guest, { code: codeOf(invited) })).body.code).toBe('members_only')
    expect((await stateOf(invited.body.id)).state).toBe('sent')
    await scene.setSharing('invited')
    expect((await accept(guest, { code: codeOf(invited) })).status).toBe(200)
  })

  test('ends with the session, also where somebody joins at that moment', async () => {
    const invited = await inviteToSession({ mode: 'control' })
    const [stopped, joined] = await Promise.all([
      as(owner, 'POST', `/v1/sessions/${sessionId}/stop`, { key: null }),
      accept(guest, { code: codeOf(invited) }),
    ])
    expect(stopped.status).toBeLessThan(300)
    // Whoever came first: nobody is in.
    expect((await scene.open(guest)).status).toBeGreaterThanOrEqual(400)
    if (joined.status === 200) return
    expect(joined.body.code).toBe('invitation_over')
    expect(await stateOf(invited.body.id)).toEqual({ state: 'revoked', reason: 'session_over' })
  })

  test('is not raised by a lesser one, nor is what is open cut', async () => {
    await scene.share(guest, 'control')
    const controlling = await scene.follow((await scene.open(guest)).body.url)
    const invited = await inviteToSession({ mode: 'view' })
    expect((await accept(guest, { code: codeOf(invited) })).status).toBe(200)
    expect(await controlling.check()).toBe('open')
  })
})

test('the page changes nothing, tells nothing, and asks for no code', async () => {
  const invited = await inviteToProject()
  const before = await api.db.selectFrom('invitation').selectAll().where('id', '=', invited.body.id).execute()
  for (const path of ['/invitation', '/invitation/page.js', '/invitation/page.css']) {
    const answer = await api.call('GET', path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
  }
  expect((await api.call('POST', '/invitation', { body: {} })).status).toBe(405)
  expect(await api.db.selectFrom('invitation').selectAll().where('id', '=', invited.body.id).execute()).toEqual(before)
})

test('a code and an address are in no log, audit, history or listing of others', async () => {
  const invited = await inviteToProject()
  const code = codeOf(invited)
  const stranger = await known()
  await as(stranger, 'POST', '/v1/invitation-views', { body: { code }, key: null })
  await accept(stranger, { code })
  await accept(stranger, { invitationId: invited.body.id })
  await accept(guest, { code })
  const tables = ['audit_event', 'invitation_event', 'session_event', 'idempotency_key'] as const
  const kept = await Promise.all(
    tables.map(async (table) => JSON.stringify(await api.db.selectFrom(table).selectAll().execute())),
  )
  const told = await Promise.all(
    ['/v1/invitations', '/v1/invitations?direction=sent', '/v1/projects', '/v1/events', '/v1/accounts'].map(
      async (path) => (await as(stranger, 'GET', path)).text,
    ),
  )
  const seen = [...kept, ...told, ...api.logged].join('\n')
  expect(seen).not.toContain(code)
  expect(seen).not.toContain(code.slice(-20))
  expect(seen).not.toContain(email)
  const row = await api.db
    .selectFrom('invitation')
    .select(['code', 'code_hash'])
    .where('id', '=', invited.body.id)
    .executeTakeFirstOrThrow()
  expect(row.code).toHaveLength(0)
  expect(row.code_hash.toString('latin1')).not.toContain(code.slice(-20))
})
