import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { hostOf } from '../../support/gateway/memory-doors.ts'
import {
  ask,
  cookieOf,
  createSession,
  createStand,
  doorsTo,
  eventually,
  heard,
  publicPort,
  requestText,
  speak,
} from '../../support/gateway/stand.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function standBefore(listener: Parameters<typeof createSession>[0], settings = {}, more = {}) {
  const session = await createSession(listener)
  open.push(session)
  const { doors, pass } = doorsTo(session.port, more)
  const stand = await createStand(doors, settings)
  open.push(stand)
  const headers = { Cookie: cookieOf(pass), 'Sec-Fetch-Site': 'same-origin' }
  return { ...stand, session, pass, headers }
}

const textOf = async (stream: IncomingMessage) => {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

const through = (port: number, options: { method?: string; path?: string; headers?: Record<string, string> }) =>
  request({ host: '127.0.0.1', port, setHost: false, agent: false, ...options })

test('a request arrives as its browser made it, without what is Carrel’s, and with what is true about it', async () => {
  const { port, pass } = await standBefore((incoming, response) => {
    response.end(JSON.stringify({ url: incoming.url, method: incoming.method, raw: incoming.rawHeaders }))
  })
  const answer = await ask(port, {
    path: '/lab/tree?a=%2e%2e%2f&b',
    headers: {
      Cookie: `theme=dark; ${cookieOf(pass)}; _xsrf=2|x`,
      'Sec-Fetch-Site': 'same-origin',
      'X-Forwarded-For': '8.8.8.8',
      X_Forwarded_Host: 'evil.example',
      Forwarded: 'for=8.8.8.8',
      'X-Carrel-Account': 'a1root',
      'Keep-Alive': 'timeout=5',
      Connection: 'close, X-Private',
      'X-Private': 'for you alone',
      'X-App': 'kept',
    },
  })
  const seen = JSON.parse(answer.body) as { url: string; method: string; raw: string[] }
  expect(seen.url).toBe('/lab/tree?a=%2e%2e%2f&b')
  const names = seen.raw.filter((_, at) => at % 2 === 0)
  const valueOf = (name: string) => seen.raw[seen.raw.indexOf(name) + 1]
  expect(names.map((name) => name.toLowerCase()).toSorted()).toEqual([
    'connection',
    'cookie',
    'host',
    'sec-fetch-site',
    'x-app',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
  ])
  expect(valueOf('Cookie')).toBe('theme=dark; _xsrf=2|x')
  expect(valueOf('Host')).toBe(`${hostOf().name}:${publicPort}`)
  expect(valueOf('X-Forwarded-For')).toBe('127.0.0.1')
  expect(valueOf('X-Forwarded-Host')).toBe(`${hostOf().name}:${publicPort}`)
  expect(valueOf('X-Forwarded-Proto')).toBe('http')
})

test('every method passes, with its body', async () => {
  const { port, headers } = await standBefore(async (incoming, response) => {
    response.end(`${incoming.method} ${await textOf(incoming)}`)
  })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'REPORT']) {
    const answer = await ask(port, { method, headers, body: 'some words' })
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining(`${method} some words`)])
  }
  expect((await ask(port, { method: 'OPTIONS', headers })).body).toContain('OPTIONS')
  expect(await ask(port, { method: 'HEAD', headers })).toMatchObject({ status: 200, body: '' })
})

test('what a hand does is noted as input, once in a while; what pages poll is not', async () => {
  const { port, headers, doors } = await standBefore((_incoming, response) => response.end())
  for (const method of ['GET', 'HEAD', 'OPTIONS']) await ask(port, { method, headers })
  expect(doors.inputs).toEqual([])
  await ask(port, { headers: { ...headers, 'Sec-Fetch-User': '?1' } })
  await ask(port, { method: 'PUT', headers, body: 'saved' })
  expect(doors.inputs).toEqual([hostOf().sessionId])
})

test('an answer keeps its status, its headers and their order, and loses what would speak for others', async () => {
  const { port, headers } = await standBefore((_incoming, response) => {
    response.writeHead(206, [
      ...['Content-Range', 'bytes 0-3/10', 'Content-Type', 'text/plain', 'X-App', 'one', 'X-App', 'two'],
      ...['Set-Cookie', 'a=1; Domain=.localhost; Path=/', 'Set-Cookie', '__Host-carrel_door=cp_x; Secure; Path=/'],
      ...['Clear-Site-Data', '"*"', 'Alt-Svc', 'h3=":1"', 'X-Accel-Redirect', '/etc/passwd'],
      ...['Service-Worker-Allowed', '/', 'Strict-Transport-Security', 'max-age=1; includeSubDomains'],
      ...['Content-Length', '4'],
    ])
    response.end('abcd')
  })
  const answer = await ask(port, { headers })
  expect(answer).toMatchObject({ status: 206, body: 'abcd' })
  expect(answer.headers).toMatchObject({
    'content-range': ['bytes 0-3/10'],
    'content-length': ['4'],
    'x-app': ['one', 'two'],
    'set-cookie': ['a=1; Path=/'],
  })
  for (const name of [
    'clear-site-data',
    'alt-svc',
    'x-accel-redirect',
    'service-worker-allowed',
    'strict-transport-security',
  ])
    expect(answer.headers[name], name).toBeUndefined()
})

test('events arrive one by one, and headers before the first of them', async () => {
  let say: (text: string) => void = () => {}
  const { port, headers } = await standBefore((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    say = (text) => response.write(text)
  })
  const asked = through(port, { headers: { ...headers, Host: hostOf().name } })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  expect(answer.headers['content-type']).toBe('text/event-stream')
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    const next = once(answer, 'data')
    say(text)
    expect(String((await next)[0])).toBe(text)
  }
  asked.destroy()
})

test('trailers pass in both directions, but for those that speak of framing or cookies', async () => {
  const { port, headers } = await standBefore(async (incoming, response) => {
    await textOf(incoming)
    response.writeHead(200, { Trailer: 'X-Sum, Set-Cookie' })
    response.write('body')
    response.addTrailers([
      ['X-Sum', String(incoming.trailers['x-sum'])],
      ['Set-Cookie', 'late=1'],
    ])
    response.end()
  })
  const asked = through(port, {
    method: 'POST',
    headers: { ...headers, Host: hostOf().name, 'Transfer-Encoding': 'chunked', Trailer: 'X-Sum' },
  })
  asked.write('body')
  asked.addTrailers({ 'X-Sum': '42' })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  expect(await textOf(answer)).toBe('body')
  expect(answer.trailers).toEqual({ 'x-sum': '42' })
})

test('100 Continue is the session’s to say: before it nothing of the body is asked for', async () => {
  const { port, headers, session } = await standBefore((_incoming, response) => response.end())
  session.server.on('checkContinue', (incoming, response) => {
    if (incoming.url === '/no') response.writeHead(413, { 'Content-Length': 0 }).end()
    else {
      response.writeContinue()
      void textOf(incoming).then((text) => response.end(`got ${text}`))
    }
  })
  const asked = { method: 'POST', headers: { ...headers, Expect: '100-continue', 'Content-Length': '4' } }
  const refused = await speak(port, requestText({ ...asked, path: '/no' }), /\r\n\r\n/)
  expect(refused).toMatch(/^HTTP\/1.1 413 /)

  const taken = through(port, { method: 'POST', headers: { ...asked.headers, Host: hostOf().name } })
  taken.flushHeaders()
  await once(taken, 'continue')
  taken.end('body')
  const [answer] = (await once(taken, 'response')) as [IncomingMessage]
  expect([answer.statusCode, await textOf(answer)]).toEqual([200, 'got body'])
})

test('whoever waits for 100 Continue and is not let in is told so at once', async () => {
  const { port } = await standBefore((_incoming, response) => response.end())
  const text = requestText({ method: 'POST', headers: { Expect: '100-continue', 'Content-Length': '4' } })
  expect(heard(await speak(port, text)).status).toBe(401)
})

test('the browser goes away: so does the request, and nothing stays open', async () => {
  let aborted = false
  const { port, headers, gateway } = await standBefore((incoming, response) => {
    response.write('first')
    incoming.once('close', () => (aborted = true))
  })
  await speak(port, requestText({ headers }), /first/)
  await eventually(() => aborted && gateway.live.all().length === 0, 'the session hears of it')
})

test('the session goes away in the middle: the answer does not look whole', async () => {
  const { port, headers, gateway } = await standBefore((_incoming, response) => {
    response.writeHead(200, { 'Content-Length': '100' })
    response.write('half', () => setImmediate(() => response.destroy()))
  })
  const answer = heard(await speak(port, requestText({ headers })))
  expect(answer).toMatchObject({ status: 200, body: 'half', headers: { 'content-length': ['100'] } })
  await eventually(() => gateway.live.all().length === 0, 'nothing stays open')
})

test('a kept connection that its session closed is replaced, and the request is answered', async () => {
  const { port, headers, session } = await standBefore((_incoming, response) => response.end('fine'))
  expect((await ask(port, { headers })).body).toBe('fine')
  session.server.closeIdleConnections()
  const all = await Promise.all(Array.from({ length: 5 }, () => ask(port, { headers })))
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
})

test('the session’s own secret is injected, and what echoes it is cut out of addresses', async () => {
  const secret = 'topsecretvalue123456'
  const { port, headers } = await standBefore(
    (incoming, response) => {
      response.writeHead(302, {
        Location: `http://127.0.0.1:8888/lab?token=${secret}&keep=1`,
        'X-Echo': `token ${secret}`,
        'X-Seen': `${incoming.headers.authorization === `token ${secret}`} ${incoming.url === `/start?token=${secret}`}`,
      })
      response.end()
    },
    {},
    {
      secret: Buffer.from(secret),
      web: { path: '/start?token={secret}', secret: { header: 'authorization', value: 'token {secret}' } },
    },
  )
  const answer = await ask(port, { path: '/start?token=%7Bsecret%7D', headers: { ...headers, Authorization: 'mine' } })
  expect(answer.headers).toMatchObject({ location: ['/lab?keep=1'], 'x-seen': ['true true'] })
  expect(answer.headers['x-echo']).toBeUndefined()
  const elsewhere = await ask(port, { path: '/other?token={secret}', headers })
  expect(elsewhere.headers['x-seen']).toEqual(['true false'])
})
