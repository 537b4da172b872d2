import { request } from 'node:http'

interface Ask {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const answerMs = 20_000

/** How a door behaves, reached at the gateway's own port with the door's name in `Host`, as the reverse proxy before it does. */
export function doorAt(port: number, url: string) {
  const door = new URL(url)
  const ask = async ({ method, path, headers, body = '' }: Ask): Promise<{ status: number; cookies: string[] }> =>
    await new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, method, path, headers: { host: door.host, ...headers } }
      const asked = request({ ...options, timeout: answerMs }, (response) => {
        response.resume()
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, cookies: response.headers['set-cookie'] ?? [] }),
        )
      })
      asked.on('timeout', () => asked.destroy(new Error('the gateway did not answer in time')))
      asked.on('error', reject)
      asked.end(body)
    })
  return {
    /** The status of a page that is asked for with nothing in hand. */
    knock: async (path: string) => (await ask({ method: 'GET', path, headers: { accept: 'text/html' } })).status,
    /** Redeems the address's ticket; the cookie of the pass. @throws where it is refused */
    async enter(): Promise<string> {
      const body = JSON.stringify({ ticket: new URLSearchParams(door.hash.slice(1)).get('ticket') })
      const headers = { 'content-type': 'application/json', origin: door.origin }
      const { status, cookies } = await ask({ method: 'POST', path: '/.carrel/redeem', headers, body })
      if (status !== 200) throw new Error(`The door refused its ticket: ${status}`)
      return cookies.map((line) => line.split(';', 1)[0]).join('; ')
    },
    /** The status of a page of the session, asked for with the pass. */
    look: async (cookie: string) =>
      (await ask({ method: 'GET', path: '/', headers: { cookie, 'sec-fetch-site': 'same-origin' } })).status,
  }
}
