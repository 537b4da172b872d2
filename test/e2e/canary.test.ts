import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { invitationWorkflowId, sessionWorkflowId } from '../../domain/ids.ts'
import type { InvitationId, SessionId } from '../../domain/ids.ts'
import { freePort } from '../../stack/ports.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import { createConfidants } from './confidences.ts'
import { startPeopleAround } from './people-around.ts'
import type { PeopleAround } from './people-around.ts'
import { createFollower, templateId } from './portal.ts'
import { lookAround, placesOf } from './sinks.ts'

const canary = (what: string) => `canary-${what}-${randomBytes(12).toString('hex')}`
const clientSecret = canary('client')
const guest = `${canary('guest')}@elsewhere.example`

let site: Site
let around: PeopleAround
let api: Service
let worker: Service

beforeAll(async () => {
  const base = fakeConfiguration(4)
  const templates = base.templates.map(({ name, spec }) => ({
    name,
    spec: { ...spec, parameters: { password: { type: 'string', secret: true, env: 'PASSWORD' } as const } },
  }))
  around = await startPeopleAround(clientSecret, await freePort(), guest)
  site = await createSite({
    configuration: { ...base, templates },
    timings: quickTimings,
    variables: { CARREL_LOG_LEVEL: 'trace' },
  })
  ;[api, worker] = await Promise.all([
    site.startApi(around.apiVariables),
    site.startWorker('worker/main.ts', around.workerVariables),
  ])
})
afterAll(async () => {
  await site?.close()
  await around?.close()
})

test('what was given to a session reaches the instance and is to be seen nowhere else', async () => {
  const secret = canary('parameter')
  const portal = clientOf(api.url, site.user.token)
  const admin = clientOf(api.url, site.admin.token)
  const body = { templateId: await templateId(portal), parameters: { password: secret } }
  const created = await portal('POST', '/v1/sessions', body, { 'idempotency-key': randomUUID(), prefer: 'wait=20' })
  expect(created.status).toBe(201)
  const id = String(created.body['id'])
  expect((await createFollower(portal).ready(id)).state).toBe('ready')
  const door = await portal('POST', `/v1/sessions/${id}/connections`, { door: 'web', mode: 'control' })
  const listings = await Promise.all(
    ['/v1/sessions', `/v1/sessions/${id}`, `/v1/sessions/${id}/events`, '/v1/events', '/v1/templates'].flatMap(
      (path) => [portal('GET', path), admin('GET', path)],
    ),
  )
  await portal('DELETE', `/v1/sessions/${id}`)
  expect((await createFollower(portal).end(id)).state).toBe('stopped')

  const workflow = sessionWorkflowId(id as SessionId)
  const answers = [created, door, ...listings].map((answer) => answer.body)
  const sinks = await lookAround(site, [api, worker], [workflow], answers)
  // Each place was really looked into: it tells of the session, or of its making.
  for (const place of ['answers', 'temporal', 'table session', 'table session_event', 'table audit_event'])
    expect(sinks[place], `${place} was looked into`).toContain(id)
  expect(sinks['logs']).toContain('createSession')
  expect(placesOf(secret, sinks)).toEqual([])
})

test('what people show, and what they are given for it, is to be seen nowhere', async () => {
  const people = createConfidants(api.url, around)
  const nobody = `${canary('nobody')}@elsewhere.example`
  const [ada, grace] = [await people.signIn('ada'), await people.signIn('grace')]
  await people.signInAtOffice(canary('password'), canary('hash'))
  await people.exchange()
  await people.letIn(ada)
  await people.makeKeys(ada)
  const invitations = await people.invite(ada, grace, guest, nobody)
  await people.look(ada, '/v1/whoami', '/v1/sign-in-methods', '/v1/browser-sessions', '/v1/tokens', '/v1/hawk-keys')
  await people.look(ada, '/v1/projects', '/v1/events', '/v1/status')
  const admin = clientOf(api.url, site.admin.token)
  for (const path of ['/v1/sessions?all=true', '/v1/events?all=true', '/v1/providers'])
    people.answers.push((await admin('GET', path)).body)
  await people.ask(ada, 'POST', '/v1/sign-out', {})

  const workflows = invitations.map((id) => invitationWorkflowId(id as InvitationId))
  const sinks = await lookAround(site, [api, worker], workflows, people.answers)
  const [invitation = ''] = invitations
  for (const place of ['temporal', 'table audit_event', 'table invitation_event'])
    expect(sinks[place], `${place} was looked into`).toContain(invitation)
  expect(sinks['logs']).toContain('createProjectInvitation')
  const secrets = { ...people.shown, 'the secret of the client': clientSecret }
  for (const [what, secret] of Object.entries(secrets)) expect(secret.length, what).toBeGreaterThan(8)
  const seen = Object.entries(secrets).map(([what, secret]) => [what, placesOf(secret, sinks)] as const)
  expect(seen.filter(([, places]) => places.length > 0)).toEqual([])

  // Addresses are where they are kept, and nowhere else.
  const kept = new Set(['table account', 'table identity', 'table invitation'])
  for (const address of [guest, nobody]) {
    const places = placesOf(address, sinks)
    expect(places).toContain('table invitation')
    expect(places.filter((place) => !kept.has(place))).toEqual([])
  }
})
