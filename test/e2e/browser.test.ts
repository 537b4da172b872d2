import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import { createFollower, templateId } from './portal.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const missing = executablePath === undefined
if (missing)
  console.warn('!! CHROMIUM IS NOT INSTALLED: nothing is proven in a browser. With CI=true that is a failure.')

let site: Site
let api: Service
let portal: Server
let stranger: Server
let browser: Browser

/** A page that knows nothing of Carrel: all it does is done from within by the test. */
async function serveEmptyPage(): Promise<Server> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>portal'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
// A server that listens on a port has an address of this kind.
const originOf = (server: Server): string => `http://localhost:${(server.address() as AddressInfo).port}`

describe.skipIf(missing && process.env['CI'] !== 'true')('in a browser', () => {
  beforeAll(async () => {
    if (executablePath === undefined) throw new Error('Chromium is not installed: apt-get install chromium')
    portal = await serveEmptyPage()
    stranger = await serveEmptyPage()
    site = await createSite({ configuration: fakeConfiguration(4), timings: quickTimings })
    api = await site.startApi({ CARREL_CORS_ORIGINS: originOf(portal) })
    await site.startWorker()
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    portal?.close()
    stranger?.close()
    await site?.close()
  })

  interface Ask {
    readonly api: string
    readonly token: string
    readonly template: string
  }

  /** Runs in the page: starts a session and reads its history as it is written, until it is ready. */
  async function startAndFollow({ api: url, token, template }: Ask): Promise<{ id: string; states: string[] }> {
    const headers = { authorization: `Bearer ${token}` }
    const created = await fetch(`${url}/v1/sessions`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify({ templateId: template }),
    })
    const { id } = (await created.json()) as { id: string }
    const stream = await fetch(`${url}/v1/sessions/${id}/events`, {
      headers: { ...headers, accept: 'text/event-stream' },
    })
    const states: string[] = []
    let text = ''
    const decoder = new TextDecoder()
    for (const reader = stream.body!.getReader(); !states.includes('ready');) {
      const { value, done } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const state = /"state":"(\w+)"/.exec(line)?.[1]
        if (line.startsWith('data:') && state !== undefined) states.push(state)
      }
    }
    return { id, states }
  }

  test("a portal's page on another origin starts a session and follows it with a bearer token", async () => {
    const client = clientOf(api.url, site.user.token)
    const page = await browser.newPage()
    await page.goto(originOf(portal))
    const ask = { api: api.url, token: site.user.token, template: await templateId(client) }
    const { id, states } = await page.evaluate(startAndFollow, ask)
    expect(states).toEqual(['requested', 'provisioning', 'ready'])
    await page.close()
    await client('DELETE', `/v1/sessions/${id}`)
    expect((await createFollower(client).end(id)).state).toBe('stopped')
  })

  test('a page whose origin is not configured gets nothing', async () => {
    const page = await browser.newPage()
    await page.goto(originOf(stranger))
    const ask = { api: api.url, token: site.user.token, template: await templateId(clientOf(api.url, site.user.token)) }
    await expect(page.evaluate(startAndFollow, ask)).rejects.toThrow('Failed to fetch')
    await page.close()
    expect(await site.db.selectFrom('session').select('id').where('state', '!=', 'stopped').execute()).toEqual([])
  })

  test('the API reference shows itself without asking anybody else', async () => {
    const page = await browser.newPage()
    const elsewhere: string[] = []
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(api.url).origin && !request.url().startsWith('data:'))
        elsewhere.push(request.url())
    })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`${api.url}/docs`)
    await page.getByText('createSession').or(page.getByText('Start a session')).first().waitFor({ timeout: 20_000 })
    expect({ elsewhere, problems }).toEqual({ elsewhere: [], problems: [] })
    await page.close()
  })
})
