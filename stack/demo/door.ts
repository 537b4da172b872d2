import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const answerLimitMs = 60_000
const callMs = 10_000
const mostBytes = 1024 * 1024

interface Answer {
  readonly status: number
  readonly cookies: readonly string[]
  readonly body: string
}

/** Asks the gateway on loopback, with the door's own name in `Host`: not every resolver knows names below `localhost`. */
async function ask(
  door: URL,
  method: 'GET' | 'POST',
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: door.port, method, path, headers: { host: door.host, ...headers }, timeout: callMs },
      (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length <= mostBytes) chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            cookies: response.headers['set-cookie'] ?? [],
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    asked.on('timeout', () => asked.destroy(new Error('the gateway did not answer in time')))
    asked.on('error', reject)
    asked.end(body)
  })
}

/**
 * Goes through a door as a browser does, from the address that opens it once to the page behind it. Waits until that answers
 * 200. @throws when the ticket is refused, and after a minute, with the last answer
 */
export async function goThrough(url: string): Promise<void> {
  const door = new URL(url)
  const given = new URLSearchParams(door.hash.slice(1))
  const json = { 'content-type': 'application/json', origin: door.origin }
  const ticket = JSON.stringify({ ticket: given.get('ticket') })
  // Below a host that doors share, the door's path stands in front.
  const base = door.pathname.replace(/\/\.carrel\/open$/, '')
  const redeemed = await ask(door, 'POST', `${base}/.carrel/redeem`, json, ticket)
  if (redeemed.status !== 200) throw new Error(`the door refused its ticket: ${redeemed.status} ${redeemed.body}`)
  const cookie = redeemed.cookies.map((line) => line.split(';', 1)[0]).join('; ')
  const path = `${base}${given.get('path') ?? '/'}`
  const deadline = Date.now() + answerLimitMs
  for (let last = 'nothing'; ; await delay(250)) {
    try {
      const { status } = await ask(door, 'GET', path, { cookie, 'sec-fetch-site': 'same-origin' })
      // A desktop's page stands at another path of its door.
      if (status === 200 || status === 302 || status === 303) return
      last = `status ${status}`
    } catch (error) {
      last = error instanceof Error ? error.message : 'an error'
    }
    if (Date.now() > deadline) throw new Error(`the door did not answer within a minute, but ${last}`)
  }
}
