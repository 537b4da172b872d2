import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { startDoorsSite } from '../support/doors/doors-site.ts'
import type { DoorsSite } from '../support/doors/doors-site.ts'

/** A web app that stands below a path: what it is asked for and by which cookies it says, and its socket repeats what it hears. */
async function startApp() {
  const server = createServer((asked, answer) => {
    answer.setHeader('set-cookie', 'theme=dark; Path=/')
    if (asked.url?.endsWith('/away') === true) answer.writeHead(302, { location: `${asked.url}/there` }).end()
    else answer.end(JSON.stringify({ url: asked.url, host: asked.headers.host, cookie: asked.headers.cookie ?? null }))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, asked) =>
    socket.on('message', (said) => socket.send(`${asked.url}: ${String(said)}`)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // It listens on TCP.
  const { port } = server.address() as AddressInfo
  return {
    port,
    close: async () => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

let app: Awaited<ReturnType<typeof startApp>>
let doors: DoorsSite
beforeAll(async () => {
  app = await startApp()
  doors = await startDoorsSite({
    doors: { web: { protocol: 'http', port: 8888, modes: ['control'] } },
    variables: { CARREL_DOORS_BY_PATH: 'true' },
  })
})
afterAll(async () => {
  await doors?.close()
  await app.close()
})

interface Said {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

async function ask(method: string, url: URL, headers: Record<string, string>, body = ''): Promise<Said> {
  const out = request(url, { method, headers, timeout: 30_000, agent: false })
  out.end(body)
  // The one argument of this event.
  const [answer] = (await once(out, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }
}

/** Goes in as the door's page does: by addresses that are relative to its own. */
async function enter(address: URL) {
  const ticket = new URLSearchParams(address.hash.slice(1)).get('ticket')
  const headers = { origin: address.origin, 'content-type': 'application/json' }
  const redeemed = await ask('POST', new URL('redeem', address), headers, JSON.stringify({ ticket }))
  expect([redeemed.status, JSON.parse(redeemed.text)]).toEqual([200, { path: '/' }])
  const [cookie = ''] = redeemed.headers['set-cookie'] ?? []
  return { base: new URL('..', address), cookie }
}

test('a web app below a path of the shared host: its page, its cookies, where it leads, and its socket', async () => {
  const id = await doors.ready({
    endpoints: [{ port: 8888, host: '127.0.0.1', hostPort: app.port }],
    secret: 'a-secret-of-its-own',
  })
  const address = await doors.open(id, doors.site.user, 'web')
  expect(address.href).toMatch(`http://127.0.0.1:${doors.port}/${id}-web/.carrel/open#`)
  const page = await ask('GET', address, { accept: 'text/html' })
  expect(page.text).toContain('all doors are one origin')
  const { base, cookie } = await enter(address)
  expect(cookie).toMatch(
    new RegExp(`^carrel_door_path=cp_[^;]+; Path=/${id}-web/; Max-Age=\\d+; HttpOnly; SameSite=Lax$`),
  )
  const pass = cookie.split(';', 1).join('')

  const shown = await ask('GET', new URL('lab?x=1', base), { cookie: `${pass}; theme=light` })
  expect(shown.status).toBe(200)
  const host = `${id}-web.localhost:${doors.port}`
  expect(JSON.parse(shown.text)).toEqual({ url: `/${id}-web/lab?x=1`, host, cookie: 'theme=light' })
  expect(shown.headers['set-cookie']).toEqual([`theme=dark; Path=/${id}-web/`])
  const away = await ask('GET', new URL('away', base), { cookie: pass })
  expect([away.status, away.headers.location]).toEqual([302, `/${id}-web/away/there`])

  const socket = new WebSocket(new URL('socket', base), { headers: { cookie: pass, origin: base.origin } })
  await once(socket, 'open')
  socket.send('hello')
  expect(String((await once(socket, 'message'))[0])).toBe(`/${id}-web/socket: hello`)
  socket.terminate()
  const foreign = new WebSocket(new URL('socket', base), { headers: { cookie: pass, origin: 'http://evil.example' } })
  const [refused] = (await once(foreign, 'error')) as [Error]
  expect(refused.message).toContain('403')

  expect((await ask('GET', new URL('lab', base), {})).status).toBe(401)
  expect((await ask('GET', new URL(`/${id}-other/lab`, base), { cookie: pass })).status).toBe(401)
  expect((await ask('GET', new URL('/lab', base), { cookie: pass })).status).toBe(404)
  // The door's own name answers as ever.
  expect(
    (await ask('GET', new URL('/lab', base), { host, cookie: pass.replace('carrel_door_path', '__Host-carrel_door') }))
      .status,
  ).toBe(200)
})
