import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Portal {
  /** For this user's eyes only: whoever has it opens the session. */
  readonly url: string
  close(): Promise<void>
}

const byName =
  'It opens on a name of its own below <code>localhost</code>. Chromium, Chrome, Edge and Firefox know such names; Safari does not: for it there is <code>npm run demo -- --path-doors</code>.'
const byPath =
  'It opens below a path of <code>127.0.0.1</code> that all sessions share: nothing keeps them apart from each other in this browser. For trying out alone, with one account.'

const page = (what: string, where: string) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Carrel</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}
button{font:inherit;padding:.6rem 1.2rem}</style></head>
<body><h1>Your ${what} is ready</h1>
<form method="post"><button autofocus>Open it</button></form>
<p>${where}</p>
</body></html>`

/**
 * A portal as small as can be: a page with one button, which has a new ticket made each time it is pressed, because a ticket
 * lasts for 30 s. On loopback, under a name that nobody guesses. `isNamed`: the door has a host name of its own.
 */
export async function servePortal(what: string, connect: () => Promise<string>, isNamed: boolean): Promise<Portal> {
  const path = `/${randomBytes(16).toString('base64url')}`
  const safe = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' }
  const answer = async (method: string | undefined, url: string | undefined): Promise<[number, object, string]> => {
    if (url !== path) return [404, safe, '']
    if (method === 'GET')
      return [200, { ...safe, 'content-type': 'text/html; charset=utf-8' }, page(what, isNamed ? byName : byPath)]
    if (method !== 'POST') return [405, safe, '']
    return [303, { ...safe, location: await connect() }, '']
  }
  const server = createServer((request, response) => {
    request.resume()
    answer(request.method, request.url).then(
      ([status, headers, body]) => response.writeHead(status, { ...headers }).end(body),
      (error: unknown) => {
        const why = error instanceof Error ? error.message : 'the door cannot be opened'
        response.writeHead(502, { ...safe, 'content-type': 'text/plain; charset=utf-8' }).end(why)
      },
    )
  })
  server.requestTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // `listen` on a port always yields an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${path}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
