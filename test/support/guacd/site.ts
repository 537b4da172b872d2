import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Configuration } from '../../../db/bootstrap.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { DoorMode } from '../../../domain/template.ts'
import { readConfig } from '../../../platform/config.ts'
import { ensureImage } from '../../../ports/compute/docker/build.ts'
import { dockerProviderSettings, withEngine } from '../../../stack/docker.ts'
import { freePort } from '../../../stack/ports.ts'
import { createFollower } from '../../e2e/portal.ts'
import { quickTimings } from '../../setup/fake-site.ts'
import { addPerson } from '../../setup/person.ts'
import { clientOf, createSite } from '../../setup/site.ts'
import type { Service, Site } from '../../setup/site.ts'

export type Person = Awaited<ReturnType<typeof addPerson>>

/** An installation whose sessions are desktops in Docker: api, worker and gateway as processes of their own. */
export interface DesktopSite {
  readonly site: Site
  /** Where the gateway listens, on loopback. */
  readonly port: number
  call(who: Person, method: string, path: string, body?: object): Promise<Record<string, unknown>>
  /** The user starts a session of a template, in a project that they share with whoever is let in. */
  start(template: string): Promise<SessionId>
  /** Waits until it is ready. @throws when it ends instead */
  ready(id: SessionId): Promise<void>
  /** Somebody who is a member of the user's project, and no more. */
  colleague(): Promise<Person>
  /** An address that opens a door once. */
  open(id: SessionId, who: Person, door: string, mode?: DoorMode): Promise<URL>
  /** One gateway more, at a port of its own. */
  startGateway(): Promise<Service>
  /** Ends all sessions and everything else. */
  close(): Promise<void>
}

export interface DesktopSitePlan {
  readonly templates: Configuration['templates']
  readonly guacd: { readonly host: string; readonly port: number }
  /** Images of the templates, with the directories that they are built from on first use. */
  readonly images: readonly { readonly tag: string; readonly context: string; readonly mayBeRoot?: boolean }[]
  /** For api, worker and gateway alike. */
  readonly variables?: Readonly<Record<string, string>>
}

export async function startDesktopSite({
  templates,
  guacd,
  images,
  variables = {},
}: DesktopSitePlan): Promise<DesktopSite> {
  const settings = dockerProviderSettings(readConfig(['tools']).tools.docker)
  await withEngine(settings, async (engine) => {
    for (const { tag, context } of images) {
      const contextDir = fileURLToPath(new URL(`../../../${context}`, import.meta.url))
      await ensureImage({ engine, tag, contextDir, extraCa: null, signal: AbortSignal.timeout(10 * 60_000) })
    }
  })
  const allowRootImages = images.flatMap(({ tag, mayBeRoot }) => (mayBeRoot === true ? [tag] : []))
  const provider = {
    id: 'docker',
    kind: 'docker',
    startLimit: 4,
    networks: ['127.0.0.0/8'],
    settings: { ...settings, stopGraceSeconds: 1, allowRootImages },
  } as const
  const port = await freePort()
  const site = await createSite({
    configuration: { providers: [provider], templates, quotaDefaults: {} },
    timings: quickTimings,
    variables: {
      CARREL_DIRECT_DOORS: 'false',
      CARREL_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      CARREL_PROVIDERS: JSON.stringify([provider]),
      CARREL_GATEWAY_PORT: String(port),
      CARREL_GUACD: `${guacd.host}:${guacd.port}`,
      ...variables,
    },
  })
  try {
    const [api] = await Promise.all([site.startApi(), site.startWorker(), site.startGateway(port)])
    return await presentDesktopSite(site, api.url, port)
  } catch (error) {
    await site.close()
    throw error
  }
}

async function presentDesktopSite(site: Site, apiUrl: string, port: number): Promise<DesktopSite> {
  const call: DesktopSite['call'] = async (who, method, path, body) => {
    const headers: Record<string, string> =
      method === 'POST' ? { 'idempotency-key': randomBytes(12).toString('hex') } : { 'if-match': '*' }
    const answer = await clientOf(apiUrl, who.token)(method, path, body, method === 'GET' ? {} : headers)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const { user } = site
  const projectId = String((await call(user, 'POST', '/v1/projects', { name: 'Together' }))['id'])
  await call(user, 'PATCH', `/v1/projects/${projectId}`, { sharing: 'members' })
  // Every entry of this list has both.
  const templates = (await call(user, 'GET', '/v1/templates'))['items'] as { id: string; name: string }[]
  const follower = createFollower(clientOf(apiUrl, user.token), 3 * 60_000)
  const ids: SessionId[] = []
  return {
    site,
    port,
    call,
    async start(template) {
      const templateId = templates.find(({ name }) => name === template)?.id
      // The api made it.
      const id = (await call(user, 'POST', '/v1/sessions', { templateId, projectId }))['id'] as SessionId
      ids.push(id)
      return id
    },
    async ready(id) {
      const { state, reason } = await follower.ready(id)
      if (state !== 'ready') throw new Error(`the desktop is ${state}: ${String(reason)}`)
    },
    async colleague() {
      const who = await addPerson(site.db, 'member')
      await call(user, 'PUT', `/v1/projects/${projectId}/members/${who.accountId}`, { role: 'viewer' })
      return who
    },
    async open(id, who, door, mode = 'control') {
      return new URL(String((await call(who, 'POST', `/v1/sessions/${id}/connections`, { door, mode }))['url']))
    },
    startGateway: async () => await site.startGateway(await freePort()),
    async close() {
      for (const id of ids) await call(user, 'DELETE', `/v1/sessions/${id}`)
      for (const id of ids) await follower.end(id)
      await site.close()
    },
  }
}
