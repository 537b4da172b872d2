import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'

export interface Entered {
  readonly host: string
  /** What a browser that is in says with each request. */
  readonly headers: { readonly host: string; readonly origin: string; readonly cookie: string }
}

/** Goes in by an address that opens a door once, at a gateway that listens on loopback. @throws where the ticket is refused */
export async function enterDoor(port: number, url: URL): Promise<Entered> {
  const ticket = new URLSearchParams(url.hash.slice(1)).get('ticket')
  const answer = await asked(port, url, JSON.stringify({ ticket }))
  const [cookie] = answer.headers['set-cookie'] ?? []
  if (cookie === undefined) throw new Error(`the ticket was answered ${answer.statusCode}`)
  const { host, origin } = url
  return { host, headers: { host, origin, cookie: cookie.split(';', 1).join('') } }
}

/** Posts a ticket as the door's own page does. */
async function asked(port: number, { host, origin }: URL, body: string): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const headers = { host, origin, 'content-type': 'application/json' }
    const out = request({ host: '127.0.0.1', port, method: 'POST', path: '/.carrel/redeem', headers }, (answer) => {
      answer.resume()
      resolve(answer)
    })
    out.setTimeout(30_000, () => out.destroy(new Error('the gateway did not answer')))
    out.once('error', reject)
    out.end(body)
  })
}
