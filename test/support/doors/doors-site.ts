import { randomBytes } from 'node:crypto'
import type { Configuration } from '../../../db/bootstrap.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { DoorMode, TemplateSpec } from '../../../domain/template.ts'
import { createKeyring } from '../../../platform/keyring.ts'
import { createSecrets, instanceSecret } from '../../../platform/secrets.ts'
import type { Endpoint } from '../../../ports/compute/provider.ts'
import { freePort } from '../../../stack/ports.ts'
import { templateId } from '../../e2e/portal.ts'
import { addPerson } from '../../setup/person.ts'
import { makeReady } from '../../setup/ready-session.ts'
import { clientOf, createSite } from '../../setup/site.ts'
import type { Site } from '../../setup/site.ts'
import { plainTemplate } from '../../setup/template.ts'
import { enterDoor } from './enter.ts'
import type { Entered } from './enter.ts'

export type Person = Awaited<ReturnType<typeof addPerson>>

/** An api and a gateway as processes of their own, and no worker: sessions are ready because their rows say so. */
export interface DoorsSite {
  readonly site: Site
  readonly apiUrl: string
  /** Where the gateway listens, on loopback. */
  readonly port: number
  person(): Promise<Person>
  call(who: Person, method: string, path: string, body?: object, match?: string): Promise<Record<string, unknown>>
  /** A session of the user's that is ready, in a project whose sessions may be shared. */
  ready(at: { readonly endpoints: readonly Endpoint[]; readonly secret: string }): Promise<SessionId>
  invite(id: SessionId, who: Person): Promise<void>
  /** An address that opens the door once. */
  open(id: SessionId, who: Person, door: string, mode?: DoorMode): Promise<URL>
  /** Goes in by such an address; what a browser then says with each request. */
  enter(url: URL): Promise<Entered>
  close(): Promise<void>
}

export interface DoorsSiteOptions {
  readonly doors: TemplateSpec['doors']
  /** For api and gateway alike, beside what every site has. */
  readonly variables?: Readonly<Record<string, string>>
}

export async function startDoorsSite({ doors, variables = {} }: DoorsSiteOptions): Promise<DoorsSite> {
  const secret = randomBytes(32)
  const configuration: Configuration = {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 5, networks: ['127.0.0.1/32'], settings: {} }],
    templates: [{ name: 'open', spec: { ...plainTemplate, doors, sharing: 'invited' } }],
    quotaDefaults: {},
  }
  const port = await freePort()
  const site = await createSite({
    configuration,
    variables: {
      CARREL_DIRECT_DOORS: 'false',
      CARREL_KEYS: `k1:${secret.toString('base64')}`,
      CARREL_GATEWAY_PORT: String(port),
      ...variables,
    },
  })
  const [{ url: apiUrl }] = await Promise.all([site.startApi(), site.startGateway(port)]).catch(
    async (error: unknown) => {
      await site.close()
      throw error
    },
  )
  const secrets = createSecrets(createKeyring([{ id: 'k1', secret }]))
  const call: DoorsSite['call'] = async (who, method, path, body, match) => {
    const more: Record<string, string> = match === undefined ? {} : { 'if-match': match }
    if (method === 'POST')
      Object.assign(more, { 'idempotency-key': randomBytes(12).toString('hex'), prefer: 'respond-async' })
    const answer = await clientOf(apiUrl, who.token)(method, path, body, more)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  let projectId: string | null = null
  const sharedProject = async () => {
    if (projectId !== null) return projectId
    const id = String((await call(site.user, 'POST', '/v1/projects', { name: 'Together' }))['id'])
    await call(site.user, 'PATCH', `/v1/projects/${id}`, { sharing: 'invited' }, '*')
    return (projectId = id)
  }
  return {
    site,
    apiUrl,
    port,
    person: async () => await addPerson(site.db, 'member'),
    call,
    async ready({ endpoints, secret: text }) {
      const wish = { templateId: await templateId(clientOf(apiUrl, site.user.token)), projectId: await sharedProject() }
      // The api made it.
      const id = (await call(site.user, 'POST', '/v1/sessions', wish))['id'] as SessionId
      const sealed = secrets.encrypt(instanceSecret({ sessionId: id, generation: 1 }), text)
      await makeReady(site.db, id, { endpoints, secret: sealed, lifetimeMs: 3_600_000 })
      return id
    },
    async invite(id, who) {
      await call(site.user, 'PUT', `/v1/sessions/${id}/collaborators/${who.accountId}`, { mode: 'control' }, '*')
    },
    async open(id, who, door, mode = 'control') {
      return new URL(String((await call(who, 'POST', `/v1/sessions/${id}/connections`, { door, mode }))['url']))
    },
    enter: async (url) => await enterDoor(port, url),
    close: async () => await site.close(),
  }
}
