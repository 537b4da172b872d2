import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Heard {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: Readonly<Record<string, unknown>>
}

/** A facility's account system on loopback, of a few people. */
export interface TestUserOffice {
  readonly url: string
  readonly passwords: Map<string, string>
  /** Whose hashes of the federation it knows. */
  readonly hashes: Map<string, string>
  /** Who has resources of their own. */
  readonly authorized: Set<string>
  readonly heard: Heard[]
  /** What it answers instead, whatever it is asked; `silent`: nothing. */
  instead: { readonly status: number; readonly text: string } | 'silent' | null
  close(): Promise<void>
}

export const officeCredentials = { username: 'carrel', password: 'the password of Carrel at the office' }

export async function startUserOffice(): Promise<TestUserOffice> {
  const passwords = new Map<string, string>()
  const hashes = new Map<string, string>()
  const authorized = new Set<string>()
  const heard: Heard[] = []

  function answerOf({ path, authorization, body }: Heard): [number, object?] {
    if (path === '/login') {
      const { username, password } = body
      return [typeof username === 'string' && passwords.get(username) === password ? 200 : 401]
    }
    if (path === '/hash') {
      const login = hashes.get(String(body['eaa_hash']))
      return login === undefined ? [404] : [200, { login }]
    }
    const { username, password } = officeCredentials
    if (authorization !== `Basic ${btoa(`${username}:${password}`)}`) return [403]
    return [200, { result: authorized.has(String(body['login'])) }]
  }

  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const { authorization } = request.headers
      const one = { path: request.url ?? '', authorization, body: JSON.parse(text) as Heard['body'] }
      heard.push(one)
      if (office.instead === 'silent') return
      const [status, body = {}] = answerOf(one)
      response.writeHead(office.instead?.status ?? status, { 'content-type': 'application/json' })
      response.end(office.instead?.text ?? JSON.stringify(body))
    })
  })
  // A connection that idles is not closed under the hands of who is about to use it again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const office: TestUserOffice = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passwords,
    hashes,
    authorized,
    heard,
    instead: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return office
}
