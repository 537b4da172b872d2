import { createGatewayDoors } from '../../db/gateway-doors.ts'
import { parseDoorHost } from '../../domain/doors.ts'
import type { DoorHost } from '../../domain/doors.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { DoorMode } from '../../domain/template.ts'
import type { GatewayDoors } from '../../db/gateway-doors.ts'
import type { Redeemed } from '../../db/tickets.ts'
import { callApp, startApi } from './api.ts'
import type { Answer, Person, TestApi } from './api.ts'
import { makeReady } from './ready-session.ts'

export const domain = 'sessions.test'

/** A template that may be shared, with a web door that can be looked at, a desktop, and a web door for control alone. */
const shared = {
  sharing: 'invited',
  doors: {
    web: {
      protocol: 'http',
      port: 8_888,
      modes: ['control', 'view'],
      path: '/lab?token={secret}',
      readOnly: { port: 8_889, path: '/see' },
    },
    desktop: {
      protocol: 'vnc',
      port: 5_901,
      modes: ['control', 'view'],
      parameters: { password: '{secret}' },
      clipboard: { copy: true, paste: false },
      recording: { retentionDays: 30 },
    },
    files: { protocol: 'http', port: 9_999, modes: ['control'], secret: { header: 'x-token', value: '{secret}' } },
  },
  mounts: [{ kind: 'dataset', modes: ['ro'] }],
}

/** What came of following an address as a browser would, up to its page's first request. */
export interface Followed {
  readonly address: URL
  readonly host: DoorHost
  readonly path: string | null
  readonly redeemed: Redeemed
  /** What the pass is worth now; of a ticket that was refused, why. */
  check(): Promise<string>
}

/** An api with a gateway, a project, and one session after the other that is ready. */
export interface SharedSession {
  readonly api: TestApi
  readonly gateway: GatewayDoors
  readonly owner: Person
  readonly projectId: string
  readonly templateId: string
  /** The session that everything else is about. */
  id(): SessionId
  /** Makes it a new one. */
  renew(): Promise<void>
  call(method: string, path: string, who: Person, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  setSharing(sharing: 'off' | 'members' | 'invited'): Promise<Answer>
  share(who: Person, mode?: DoorMode, match?: string): Promise<Answer>
  addMember(who: Person): Promise<void>
  open(who: Person, body?: object): Promise<Answer>
  events(): Promise<[unknown, unknown][]>
  follow(url: string): Promise<Followed>
}

const anyVersion = { 'if-match': '*' }

export async function createSharedSession(): Promise<SharedSession> {
  const api = await startApi({ directDoors: false })
  const gated = api.another({ doors: { scheme: 'https', domain, port: 8443 } })
  const gateway = createGatewayDoors({ db: api.db, gatewayId: 'g1' })
  const owner = await api.person()
  const templateId = await api.template(shared)
  const call: SharedSession['call'] = async (method, path, who, body, headers = {}) =>
    await callApp(gated, method, path, {
      token: who.token,
      ...(body === undefined ? {} : { body }),
      key: null,
      headers,
    })
  const project = await api.call('POST', '/v1/projects', { token: owner.token, body: { name: 'Together' } })
  const projectId: string = project.body.id
  let current: SessionId | null = null
  const id = () => {
    if (current === null) throw new Error('There is no session yet.')
    return current
  }
  return {
    api,
    gateway,
    owner,
    projectId,
    templateId,
    id,
    call,
    async renew() {
      const made = await api.call('POST', '/v1/sessions', {
        token: owner.token,
        body: { templateId, projectId },
        headers: { prefer: 'respond-async' },
      })
      const sessionId: SessionId = made.body.id
      await makeReady(api.db, sessionId, { endpoints: [{ port: 8_888, host: '10.1.2.3', hostPort: 32_768 }] })
      current = sessionId
    },
    setSharing: async (sharing) => await call('PATCH', `/v1/projects/${projectId}`, owner, { sharing }, anyVersion),
    share: async (who, mode = 'control', match = '*') =>
      await call('PUT', `/v1/sessions/${id()}/collaborators/${who.id}`, owner, { mode }, { 'if-match': match }),
    async addMember(who) {
      await call('PUT', `/v1/projects/${projectId}/members/${who.id}`, owner, { role: 'viewer' }, anyVersion)
    },
    open: async (who, body = { door: 'web' }) => await call('POST', `/v1/sessions/${id()}/connections`, who, body),
    events: async () =>
      (await call('GET', `/v1/sessions/${id()}/events?limit=100`, owner)).body.items.map((e) => [e['type'], e['data']]),
    async follow(url) {
      const address = new URL(url)
      const said = new URLSearchParams(address.hash.slice(1))
      const host = parseDoorHost(address.host, domain)
      if (host === null) throw new Error(`${address.host} is no door`)
      const redeemed = await gateway.redeem(said.get('ticket') ?? '', host, [])
      return {
        address,
        host,
        path: said.get('path'),
        redeemed,
        check: async () => (redeemed.kind === 'pass' ? (await gateway.check(redeemed.pass, host)).kind : redeemed.code),
      }
    },
  }
}
