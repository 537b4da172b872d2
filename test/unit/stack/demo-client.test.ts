import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createClient, type SessionEvent } from '../../../stack/demo/client.ts'

type Answer = (response: ServerResponse, lastEventId: string | undefined) => void

let stop: () => void = () => undefined
afterEach(() => stop())

async function api(answers: Answer[]): Promise<{ url: string; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const last = request.headers['last-event-id']
    asked.push(typeof last === 'string' ? last : undefined)
    const answer = answers.shift()
    if (answer === undefined) response.writeHead(500).end()
    else answer(response, asked.at(-1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const event = (id: number, state: string) =>
  `id: ${id}\nevent: session.state\ndata: ${JSON.stringify({ type: 'session.state', data: { state } })}\n\n`
const stream =
  (...events: string[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`: hello\n\n${events.join('')}`)
  }

test('a broken stream is taken up where it broke, without a gap or a repeat', async () => {
  const down: Answer = (response) => response.writeHead(503).end()
  const { url, asked } = await api([stream(event(1, 'requested'), event(2, 'queued')), down, stream(event(3, 'ready'))])
  const control = new AbortController()
  const seen: SessionEvent[] = []
  for await (const one of createClient({ apiUrl: url, token: 't' }).events('sabc', control.signal)) {
    seen.push(one)
    if (seen.length === 3) break
  }
  control.abort()
  expect(seen.map((one) => one.data['state'])).toEqual(['requested', 'queued', 'ready'])
  expect(asked).toEqual([undefined, '2', '2'])
})

test('a refusal carries the code and the sentence', async () => {
  const { url } = await api([
    (response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ code: 'quota_exceeded', title: 'A quota is used up', detail: 'Two of two.' }))
    },
  ])
  const refused = createClient({ apiUrl: url, token: 't' }).createProject('x')
  await expect(refused).rejects.toThrow('409 quota_exceeded: Two of two.')
})
