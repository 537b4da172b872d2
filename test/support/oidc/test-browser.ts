/** What answers at an origin. */
type Site = (request: Request) => Promise<Response> | Response

/** A browser without pages: it keeps cookies per origin as browsers do, and follows where it is sent. */
export interface TestBrowser {
  /** Goes to an address, and on as far as it is sent; stops before an address that nobody answers at. */
  visit(url: string): Promise<Visited>
  /** One request, from a page of the origin that it goes to unless `headers` say otherwise. */
  send(method: string, url: string, more?: { body?: unknown; headers?: Record<string, string> }): Promise<Response>
  cookie(origin: string, name: string): string | undefined
  setCookie(origin: string, name: string, value: string): void
}

export interface Visited {
  /** The last address. */
  readonly url: URL
  /** Every address on the way, the first included. */
  readonly way: readonly URL[]
  /** `null`: nobody answers there. */
  readonly response: Response | null
}

const mostHops = 20

/** `sites`: who answers where without a network; else only loopback is gone to. */
export function createTestBrowser(sites: Readonly<Record<string, Site>>): TestBrowser {
  const jars = new Map<string, Map<string, string>>()
  const jarOf = (origin: string) => {
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    return jar
  }
  const reach = async (url: URL, init: RequestInit): Promise<Response | null> => {
    const jar = jarOf(url.origin)
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const request = new Request(url, { ...init, headers, redirect: 'manual' })
    const site = sites[url.origin]
    if (site === undefined && url.hostname !== '127.0.0.1') return null
    const response = site === undefined ? await fetch(request) : await site(request)
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return response
  }
  return {
    async visit(address) {
      const way: URL[] = []
      let url = new URL(address)
      for (let hop = 0; hop < mostHops; hop++) {
        way.push(url)
        const response = await reach(url, { method: 'GET', headers: { 'user-agent': 'test browser' } })
        const next = response?.headers.get('location') ?? null
        if (response === null || next === null) return { url, way, response }
        await response.body?.cancel()
        url = new URL(next, url)
      }
      throw new Error(`Sent around for ever: ${way.map((hop) => hop.origin + hop.pathname).join(' ')}`)
    },
    async send(method, address, { body, headers = {} } = {}) {
      const url = new URL(address)
      const json = body === undefined ? {} : { 'content-type': 'application/json' }
      const own = method === 'GET' ? {} : { origin: url.origin }
      const response = await reach(url, {
        method,
        headers: { ...own, ...json, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      if (response === null) throw new Error(`Nobody answers at ${url.origin}.`)
      return response
    },
    cookie: (origin, name) => jarOf(origin).get(name),
    setCookie: (origin, name, value) => void jarOf(origin).set(name, value),
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const name = pair.slice(0, pair.indexOf('='))
  const value = pair.slice(pair.indexOf('=') + 1)
  const isOver = attributes.some((one) => {
    const [key = '', at = ''] = one.split('=')
    return (/^max-age$/i.test(key) && Number(at) <= 0) || (/^expires$/i.test(key) && Date.parse(at) <= Date.now())
  })
  if (isOver || value === '') jar.delete(name)
  else jar.set(name, value)
}
