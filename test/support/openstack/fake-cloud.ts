import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'

type Thing = Record<string, unknown> & { id: string }
interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export interface Seen {
  readonly method: string
  /** Without the service's own prefix, with the query. */
  readonly path: string
  readonly service: string
  readonly body: unknown
  readonly headers: IncomingMessage['headers']
}

/** A cloud in memory that speaks as much as a driver asks: for what no real one here has (volumes), and for exact moments. */
export interface FakeCloud {
  readonly authUrl: string
  readonly projectId: string
  readonly requests: Seen[]
  readonly things: Record<'servers' | 'ports' | 'security_groups' | 'floatingips' | 'volumes' | 'images', Thing[]>
  /** Answers instead of the cloud; `undefined`: the cloud answers. */
  instead: (seen: Seen) => Reply | undefined | Promise<Reply | undefined>
  tokenSeconds: number
  /** What stands in the catalogue. */
  readonly services: string[]
  /** Tokens end with their application credential: Keystone then tells their end without a zone. */
  endsWithCredential: boolean
  close(): Promise<void>
}

const groupsOf = (thing: Thing) => (thing['security_groups'] ?? []) as string[]
const project = 'a'.repeat(32)
const named = {
  flavors: [{ id: 'f1', name: 'm1.small' }],
  networks: [
    { id: 'net-1', name: 'inside' },
    { id: 'net-2', name: 'outside', 'router:external': true },
  ],
}

export async function openFakeCloud(): Promise<FakeCloud> {
  const things: FakeCloud['things'] = {
    servers: [],
    ports: [],
    security_groups: [],
    floatingips: [],
    volumes: [],
    images: [
      { id: randomUUID(), name: 'desk', status: 'active', owner: project, visibility: 'private', created_at: '2026' },
    ],
  }
  const rules = new Map<string, Thing[]>()
  const cloud = {
    requests: [] as Seen[],
    things,
    instead: (() => undefined) as FakeCloud['instead'],
    tokenSeconds: 3600,
    services: ['compute', 'network', 'image', 'block-storage'],
    endsWithCredential: false,
  }
  let [base, tokens] = ['', 0]

  const server = createServer((request, response) => {
    void (async () => {
      const body: unknown = request.method === 'POST' ? await json(request).catch(() => null) : null
      const [, service = '', ...rest] = (request.url ?? '').split('/')
      const seen = { method: request.method ?? '', service, path: `/${rest.join('/')}`, body, headers: request.headers }
      cloud.requests.push(seen)
      const reply = (await cloud.instead(seen)) ?? answer(seen)
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      response.end(reply.body === undefined ? '' : JSON.stringify(reply.body))
    })()
  })

  function answer(seen: Seen): Reply {
    const url = new URL(seen.path, 'http://any')
    const [kind = '', id = '', action = ''] = url.pathname.split('/').slice(2)
    if (seen.service === 'identity') return seen.method === 'POST' ? signIn() : { status: 404, body: {} }
    if (seen.service === 'compute' && kind === 'flavors') return { status: 200, body: { flavors: named.flavors } }
    if (seen.service === 'network' && kind === 'networks')
      return { status: 200, body: { networks: named.networks.filter((n) => n.name === url.searchParams.get('name')) } }
    if (kind === 'security-group-rules') return seen.method === 'POST' ? addRules(seen.body) : dropRule(id)
    const list = kind === 'security-groups' ? 'security_groups' : kind
    const all = things[list as keyof typeof things] as Thing[] | undefined
    if (all === undefined) return { status: 404, body: { message: 'Not Found', code: '404 Not Found' } }
    if (seen.method === 'POST' && action === '') return make(list, seen.body)
    const found = all.find((thing) => thing.id === id)
    if (seen.method === 'GET' && (id === '' || id === 'detail')) return page(list, all, url.searchParams)
    if (found === undefined)
      return {
        status: 404,
        body: { [seen.service === 'network' ? 'NeutronError' : 'itemNotFound']: { message: 'gone', code: 404 } },
      }
    if (seen.method === 'DELETE') {
      if (things.ports.some((port) => groupsOf(port).includes(found.id))) return { status: 409, body: {} }
      all.splice(all.indexOf(found), 1)
      return { status: 204 }
    }
    // Glance alone puts nothing around what it shows.
    return { status: 200, body: list === 'images' ? found : { [list.replace(/s$/, '')]: found } }
  }

  function signIn(): Reply {
    const catalog = cloud.services.map((type) => ({
      type,
      endpoints: [
        { interface: 'public', region_id: 'RegionOne', url: `${base}/${type}${type === 'compute' ? '/v2.1' : ''}` },
      ],
    }))
    const [issued, expires] = [Date.now(), Date.now() + cloud.tokenSeconds * 1000].map((ms) =>
      new Date(ms).toISOString(),
    )
    const token = {
      issued_at: issued,
      expires_at: cloud.endsWithCredential ? expires?.replace('Z', '') : expires,
      catalog,
      project: { id: project },
      user: { id: 'u' },
      roles: [{ name: 'member' }],
    }
    return { status: 201, headers: { 'x-subject-token': `token-${++tokens}` }, body: { token } }
  }

  function make(list: string, body: unknown): Reply {
    const [given] = Object.values(body as Record<string, Record<string, unknown>>)
    const thing: Thing = { ...given, id: randomUUID() }
    const groups = things.security_groups.map((group) => group.id)
    if (!groupsOf(thing).every((id) => groups.includes(id))) return { status: 404, body: {} }
    if (list === 'servers')
      Object.assign(thing, { status: 'ACTIVE', created: `${things.servers.length}`, addresses: addressesOf(thing) })
    if (list === 'volumes') thing['status'] = 'available'
    if (list === 'security_groups') {
      rules.set(
        thing.id,
        ['IPv4', 'IPv6'].map((ethertype) => ({ id: randomUUID(), direction: 'egress', ethertype })),
      )
      thing['security_group_rules'] = rules.get(thing.id)
    }
    things[list as keyof typeof things].push(thing)
    return { status: list === 'servers' ? 202 : 201, body: { [list.replace(/s$/, '')]: thing } }
  }

  function addressesOf(thing: Thing) {
    const [{ port }] = thing['networks'] as [{ port: string }]
    const floating = things.floatingips.some((f) => f['port_id'] === port)
    const own = { addr: '10.0.0.7', version: 4, 'OS-EXT-IPS:type': 'fixed' }
    return { inside: floating ? [own, { addr: '203.0.113.7', version: 4, 'OS-EXT-IPS:type': 'floating' }] : [own] }
  }

  function addRules(body: unknown): Reply {
    const { security_group_rules } = body as { security_group_rules: Record<string, unknown>[] }
    for (const rule of security_group_rules)
      rules.get(String(rule['security_group_id']))?.push({ ...rule, id: randomUUID() })
    return { status: 201, body: {} }
  }
  function dropRule(id: string): Reply {
    for (const all of rules.values()) {
      const at = all.findIndex((rule) => rule.id === id)
      if (at >= 0) all.splice(at, 1)
    }
    return { status: 204 }
  }

  function page(list: string, all: readonly Thing[], query: URLSearchParams): Reply {
    const words = (name: string) => (query.get(name) ?? '').split(',').filter((tag) => tag !== '')
    const [tags, anyTags] = [words('tags'), words('tags-any')]
    const has = (thing: Thing, tag: string) => (thing['tags'] as string[]).includes(tag)
    const fits = (thing: Thing) =>
      tags.every((tag) => has(thing, tag)) &&
      (anyTags.length === 0 || anyTags.some((tag) => has(thing, tag))) &&
      ['name', 'description', 'instance_uuid', 'status'].every(
        (field) => !query.has(field) || query.getAll(field).includes(`${thing[field]}`),
      )
    const found = all.filter(fits)
    const marker = query.get('marker')
    const from = marker === null ? 0 : found.findIndex(({ id }) => id === marker) + 1
    if (marker !== null && from === 0)
      return { status: 400, body: { badRequest: { code: 400, message: `marker [${marker}] not found` } } }
    // Glance tells few where no number is named.
    const items = found.slice(from, from + Number(query.get('limit') ?? (list === 'images' ? 25 : 1000)))
    const more = from + items.length < found.length
    return {
      status: 200,
      body: {
        [list]: items,
        ...(more ? { [`${list}_links`]: [{ rel: 'next', href: 'http://elsewhere.invalid/' }] } : {}),
      },
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return Object.assign(cloud, {
    authUrl: `${base}/identity`,
    projectId: project,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
