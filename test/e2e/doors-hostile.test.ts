import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import type { SessionId } from '../../domain/ids.ts'
import { againstApi, againstDoor } from '../support/doors/attacks.ts'
import type { Attack } from '../support/doors/attacks.ts'
import { goThrough, goTo, launchChromium, leftOut } from '../support/doors/chromium.ts'
import { startDoorsSite } from '../support/doors/doors-site.ts'
import type { DoorsSite } from '../support/doors/doors-site.ts'
import { startTlsFront } from '../support/doors/tls-front.ts'
import type { TlsFront } from '../support/doors/tls-front.ts'

const domain = 'sessions.test'
const apiHost = 'api.carrel.test'
const patience = { timeout: 30_000 }

/** A session that remembers whoever came. */
async function createVisited(text: string): Promise<{ server: Server; port: number; came: string[] }> {
  const came: string[] = []
  const server = createServer((request, response) => {
    came.push(`${request.method} ${request.url}`)
    const cookies = request.url === '/sets' ? { 'set-cookie': `planted=1; Domain=${domain}; Path=/` } : {}
    response.writeHead(200, { 'content-type': 'text/html', ...cookies }).end(`<body>${text}`)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (_socket, request) => came.push(`socket ${request.url}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address of this kind.
  return { server, came, port: (server.address() as AddressInfo).port }
}

describe.skipIf(leftOut)('a page of one session, in the browser of somebody who has another one open', () => {
  let doors: DoorsSite
  let front: TlsFront
  let browser: Browser
  let context: BrowserContext
  let own: Awaited<ReturnType<typeof createVisited>>
  let other: Awaited<ReturnType<typeof createVisited>>
  let hostile: Page
  let victim: Page
  let otherId: SessionId

  const goIn = async (id: SessionId, page: Page): Promise<void> => {
    const address = async () => (await doors.open(id, doors.site.user, 'web')).href
    await goThrough(page, address, ({ pathname }) => pathname === '/')
  }
  const passAt = async (page: Page) =>
    (await context.cookies(page.url())).filter(({ name }) => name === '__Host-carrel_door').map(({ value }) => value)

  beforeAll(async () => {
    ;[own, other] = await Promise.all([createVisited('hostile'), createVisited('nobody else sees this')])
    doors = await startDoorsSite({
      doors: { web: { protocol: 'http', port: 8888, modes: ['control'] } },
      variables: {
        CARREL_SESSIONS_DOMAIN: domain,
        CARREL_GATEWAY_PUBLIC_SCHEME: 'https',
        CARREL_GATEWAY_PUBLIC_PORT: '443',
        CARREL_CORS_ORIGINS: 'https://portal.test',
      },
    })
    front = await startTlsFront({ [domain]: doors.port, [apiHost]: Number(new URL(doors.apiUrl).port) })
    browser = await launchChromium(...front.browserArguments)
    context = await browser.newContext()
    const at = ({ port }: typeof own) => ({
      endpoints: [{ port: 8888, host: '127.0.0.1', hostPort: port }],
      secret: 's3cr3t',
    })
    const ownId = await doors.ready(at(own))
    otherId = await doors.ready(at(other))
    ;[hostile, victim] = [await context.newPage(), await context.newPage()]
    await goIn(otherId, victim)
    await goIn(ownId, hostile)
  }, 5 * 60_000)
  afterAll(async () => {
    await browser?.close()
    await front?.close()
    await doors?.close()
    own?.server.close()
    other?.server.close()
  })

  /** Has the page do it. What it got, and how the front saw it answered once that is known. */
  async function attempt({ does }: Attack, to: string, mark: string, expected: number) {
    const gets = await hostile.evaluate<string>(`(async (to) => { ${does} })(${JSON.stringify(to)})`)
    await vi.waitFor(() => expect(front.answers(mark).length).toBeGreaterThanOrEqual(expected), patience)
    return { gets, answered: front.answers(mark) }
  }

  test('has a door of its own, beside the other', async () => {
    expect([await hostile.textContent('body'), await victim.textContent('body')]).toEqual([
      'hostile',
      'nobody else sees this',
    ])
    expect([await passAt(hostile), await passAt(victim)]).toEqual([[expect.anything()], [expect.anything()]])
  })

  test.each(againstDoor.map((attack, n) => [attack.what, attack, n] as const))(
    'gets nothing of the other session when it %s',
    async (_what, attack, n) => {
      const mark = `/attack-${n}-`
      const { gets, answered } = await attempt(attack, new URL(mark, victim.url()).href, mark, attack.answered.length)
      expect({ gets, answered }).toEqual({ gets: attack.gets, answered: attack.answered })
      expect(other.came.filter((line) => line.includes(mark))).toEqual([])
    },
  )

  test.each(againstApi.map((attack, n) => [attack.what, attack, n] as const))(
    'gets nothing of the api when it %s',
    async (_what, attack, n) => {
      const sessions = async () => (await doors.site.db.selectFrom('session').select('id').execute()).length
      const before = await sessions()
      const mark = `/v1/sessions?attack=${n}-`
      const to = `https://${apiHost}${mark}`
      const { gets, answered } = await attempt(attack, to, mark, attack.answered.length)
      expect({ gets, answered }).toEqual({ gets: attack.gets, answered: attack.answered })
      expect(await sessions()).toBe(before)
    },
  )

  test('may lead the browser there, as any link may, and reads nothing of where it led', async () => {
    const [opened, seen] = await Promise.all([
      context.waitForEvent('page'),
      hostile.evaluate(`new Promise((resolve) => {
        const it = window.open(${JSON.stringify(new URL('/led', victim.url()).href)})
        setInterval(() => { try { if (it.document.URL !== 'about:blank') resolve(it.document.body.textContent) } catch (error) { resolve(error.name) } }, 20)
      })`),
    ])
    await vi.waitFor(async () => expect(await opened.textContent('body')).toBe('nobody else sees this'), patience)
    expect(seen).toBe('SecurityError')
    await opened.close()
  })

  test('neither reads, replaces nor hides a pass by cookies of its own', async () => {
    const [pass] = await passAt(victim)
    const ownPass = await passAt(hostile)
    await hostile.evaluate(`fetch('/sets')`)
    const seen = await hostile.evaluate(`(() => {
      document.cookie = '__Host-carrel_door=cp_x; Domain=${domain}; Path=/; Secure'
      document.cookie = '__Host-carrel_door=cp_y; Path=/; Secure'
      document.cookie = 'carrel_door=cp_z; Domain=${domain}; Path=/; Secure'
      return document.cookie
    })()`)
    expect(seen).not.toContain('__Host-')
    expect((await context.cookies()).filter(({ name }) => name === 'planted')).toEqual([
      expect.objectContaining({ domain: new URL(hostile.url()).hostname }),
    ])
    expect([await passAt(victim), await passAt(hostile)]).toEqual([[pass], ownPass])
    await victim.reload()
    expect(await victim.textContent('body')).toBe('nobody else sees this')
  })

  test('locks nobody out by filling the cookies of the domain', async () => {
    const full = async () => (await context.cookies()).filter(({ name }) => name.startsWith('full')).length
    const [pass, ownPass] = [await passAt(victim), await passAt(hostile)]
    await hostile.evaluate(`for (let n = 0; n < 170; n++)
      document.cookie = 'full' + n + '=' + 'x'.repeat(4000) + '; Domain=${domain}; Path=/; Secure'`)
    await vi.waitFor(async () => expect(await full()).toBe(170), patience)
    await goTo(victim, new URL('/', victim.url()).href)
    expect(await victim.textContent('body')).toBe('nobody else sees this')
    // Another link still opens it, too, and whoever goes on loses no pass.
    await goIn(otherId, victim)
    expect([(await passAt(victim)).length, await passAt(hostile)]).toEqual([pass.length, ownPass])
    await vi.waitFor(async () => {
      await victim.evaluate(`fetch('/').then((answer) => answer.text())`)
      expect(await full()).toBeLessThan(100)
    }, patience)
    expect(await passAt(hostile)).toEqual(ownPass)
  })
})
