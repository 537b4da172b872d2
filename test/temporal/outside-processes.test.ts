import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { freePort } from '../../stack/ports.ts'
import { createFollower, templateId } from '../e2e/portal.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { quickTimings } from '../setup/fake-site.ts'
import { addPerson } from '../setup/person.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import { plainTemplate } from '../setup/template.ts'
import { createDoubleSite } from '../support/guacamole/site.ts'
import type { DoubleSite } from '../support/guacamole/site.ts'

type Client = ReturnType<typeof clientOf>

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** What the worker of the role `access` is told, and nobody else. */
const accessVariables = ({ settings }: DoubleSite) => ({
  CARREL_WORKER_ROLES: 'access',
  CARREL_GUACAMOLE_URL: settings.nodes[0]?.url ?? '',
  CARREL_GUACAMOLE_USERNAME: settings.username,
  CARREL_GUACAMOLE_PASSWORD: settings.password,
})

/** An installation whose desktops a Guacamole shows: every part of it a process of its own. */
async function start() {
  const guacamole = await createDoubleSite(1)
  cleanups.push(async () => await guacamole.close())
  const doors = await freePort()
  const site = await createSite({
    configuration: {
      providers: [{ id: 'fake', kind: 'fake', startLimit: 4, networks: ['127.0.0.0/8'], settings: {} }],
      templates: [{ name: 'desk', spec: { ...plainTemplate, doors: deskDoor, sharing: 'invited' } }],
      quotaDefaults: {},
    },
    timings: { ...quickTimings, heartbeatMs: 1_000, watchDoorsMs: 500, listDoorsMs: 500 },
    variables: {
      CARREL_DIRECT_DOORS: 'false',
      CARREL_DESKTOP_GATEWAY: 'guacamole',
      CARREL_GATEWAY_PORT: String(doors),
    },
  })
  cleanups.push(async () => await site.close())
  const startAccess = async () => await site.startWorker('worker/main.ts', accessVariables(guacamole))
  const [{ url }, access] = await Promise.all([
    site.startApi(),
    startAccess(),
    site.startWorker('worker/main.ts', { CARREL_WORKER_ROLES: 'core,provider/*' }),
    site.startGateway(doors),
  ])
  return { guacamole, site, doors, url, access, startAccess }
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Asks the gateway on loopback, as a browser of the door's name does. */
async function atGateway(port: number, { method, path, headers }: Asked, body = ''): Promise<IncomingMessage> {
  const out = request({ host: '127.0.0.1', port, method, path, headers, timeout: 30_000 })
  out.end(body)
  // The one argument of this event.
  const [answer] = (await once(out, 'response')) as [IncomingMessage]
  return answer.resume()
}

/** Opens the desk by the api, and follows where it leads: the address in Guacamole. */
async function openDesk(client: Client, doors: number, sessionId: SessionId, mode = 'control'): Promise<URL> {
  const wish = { door: 'desk', mode }
  const asked = await client('POST', `/v1/sessions/${sessionId}/connections`, wish, { prefer: 'wait=20' })
  expect([asked.status, asked.body]).toMatchObject([201, { url: expect.stringContaining('#ticket=') as unknown }])
  const { host, origin, hash } = new URL(String(asked.body['url']))
  const ticket = new URLSearchParams(hash.slice(1)).get('ticket')
  const headers = { host, origin, 'content-type': 'application/json' }
  const redeemed = await atGateway(
    doors,
    { method: 'POST', path: '/.carrel/redeem', headers },
    JSON.stringify({ ticket }),
  )
  const cookie = redeemed.headers['set-cookie']?.[0]?.split(';', 1).join('') ?? ''
  const led = await atGateway(doors, { method: 'GET', path: '/', headers: { host, origin, cookie } })
  expect(led.statusCode).toBe(303)
  return new URL(led.headers.location ?? '')
}

/** A browser that follows the address. */
function browse(guacamole: DoubleSite, { origin, pathname, hash }: URL) {
  const [path = '', query = ''] = hash.split('?')
  const token = new URLSearchParams(query).get('token') ?? ''
  const login = guacamole.nodes[0]?.state.find(token)
  return { browser: guacamole.enter({ baseUrl: `${origin}${pathname}`, path, token }), user: login?.username ?? '' }
}

/** A session of the user's in a project that shares, and somebody who is invited to look. */
async function share(owner: Client, { db }: Site, url: string) {
  const keyed = () => ({ 'idempotency-key': randomUUID(), prefer: 'wait=10' })
  const project = await owner('POST', '/v1/projects', { name: 'Together' }, keyed())
  const projectId = String(project.body['id'])
  await owner('PATCH', `/v1/projects/${projectId}`, { sharing: 'invited' }, { 'if-match': '*' })
  const wish = { templateId: await templateId(owner), projectId }
  // The api made it.
  const id = (await owner('POST', '/v1/sessions', wish, keyed())).body['id'] as SessionId
  const person = await addPerson(db, 'member')
  const invited = await owner(
    'PUT',
    `/v1/sessions/${id}/collaborators/${person.accountId}`,
    { mode: 'view' },
    {
      'if-match': '*',
    },
  )
  expect(invited.status).toBeLessThan(300)
  return { id, guest: clientOf(url, person.token), guestId: person.accountId }
}

test('a desk at a Guacamole, by the api alone: two come in, the worker is killed while it closes, and nothing stays', async () => {
  const { guacamole, site, doors, url, access, startAccess } = await start()
  const owner = clientOf(url, site.user.token)
  const { id, guest, guestId } = await share(owner, site, url)
  expect(await createFollower(owner).ready(id)).toMatchObject({ state: 'ready' })

  const owners = browse(guacamole, await openDesk(owner, doors, id))
  const guests = browse(guacamole, await openDesk(guest, doors, id, 'view'))
  await Promise.all([owners.browser.shown(), guests.browser.shown()])
  // Each is somebody of their own there.
  expect(owners.user).toContain(String(site.user.accountId))
  expect(guests.user).toContain(guestId)
  const rights = () => guacamole.leftovers(site.deploymentId).filter((name) => name.startsWith('right of '))
  expect(rights().toSorted()).toEqual([`right of ${owners.user}`, `right of ${guests.user}`].toSorted())
  const live = async () => (await owner('GET', `/v1/sessions/${id}/connections/live`)).body['items'] as unknown[]
  await expect.poll(live, { timeout: 20_000 }).toHaveLength(2)

  const killed = Promise.withResolvers<Service>()
  guacamole.nodes[0]?.faults.add({
    matches: ({ method, path }) => method === 'PATCH' && path.includes('/permissions'),
    times: 1,
    effect: 'cut_after',
    meanwhile: async () => {
      await access.child.kill()
      killed.resolve(await startAccess())
    },
  })
  const stopped = await owner('DELETE', `/v1/sessions/${id}`)
  expect(stopped.status).toBeLessThan(300)
  await killed.promise
  expect(access.child.isRunning()).toBe(false)
  await Promise.all([owners.browser.ended(), guests.browser.ended()])
  expect(await createFollower(owner).end(id)).toMatchObject({ state: 'stopped', reason: 'user' })
  expect(guacamole.leftovers(site.deploymentId)).toEqual([])
  expect(await live()).toEqual([])
  const refused = await owner('POST', `/v1/sessions/${id}/connections`, { door: 'desk' })
  expect([refused.status, refused.body['code']]).toEqual([409, 'not_ready'])

  const look = { accessGateway: true, reason: 'To see.' }
  const asked = { 'idempotency-key': randomUUID(), prefer: 'wait=30' }
  const swept = await clientOf(url, site.admin.token)('POST', '/v1/admin/reconciliations', look, asked)
  expect([swept.status, swept.body]).toMatchObject([201, { outcome: 'done', report: { actions: [], failed: [] } }])
}, 120_000)
