import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttps, request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { makeServerCertificate } from '../support/certificates.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** A backend that notes what it has done and says the body that it was sent. */
async function startBackend(certificate?: { key: string; cert: string }) {
  const done: string[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    done.push(`${request.method} ${request.url} ${body}`)
    response.writeHead(request.url === '/no' ? 409 : 201, { 'x-answer': 'yes' })
    if (request.url === '/stream') return void response.write('first\n')
    return void response.end(`you said ${body} to ${request.headers.host}`)
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => void serve(request, response)
  const server = certificate === undefined ? createServer(listener) : createHttps(certificate, listener)
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    socket.on('error', () => undefined).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  return { url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, done }
}

async function start(): Promise<{ proxy: FaultProxy; done: string[] }> {
  const backend = await startBackend()
  const proxy = await createFaultProxy({ target: backend.url })
  open.push(proxy)
  return { proxy, done: backend.done }
}

/** `null`: no answer, for whatever reason. */
async function ask(proxy: FaultProxy, path: string, signal = AbortSignal.timeout(10_000)) {
  try {
    const init = { method: 'POST', body: 'hello', signal }
    const answer = await fetch(`${proxy.url}${path}`, init)
    return { status: answer.status, text: await answer.text(), headers: answer.headers }
  } catch {
    return null
  }
}

/** Asks, and gives up when the proxy has it. */
async function askInVain(proxy: FaultProxy, path: string) {
  const stop = new AbortController()
  const asked = ask(proxy, path, stop.signal)
  await expect.poll(() => proxy.requests.map((request) => request.path)).toContain(path)
  stop.abort()
  return await asked
}

test('what goes through is unchanged, bodies flow, and what came is noted', async () => {
  const { proxy, done } = await start()
  const answer = await ask(proxy, '/a?b=c')
  expect(answer).toMatchObject({ status: 201, text: `you said hello to ${new URL(proxy.url).host}` })
  expect(answer?.headers.get('x-answer')).toBe('yes')
  expect(done).toEqual(['POST /a?b=c hello'])

  const streaming = await fetch(`${proxy.url}/stream`, { method: 'POST' })
  const first = await streaming.body?.getReader().read()
  expect(new TextDecoder().decode(first?.value)).toBe('first\n')
  expect(proxy.requests).toEqual([
    { method: 'POST', path: '/a?b=c' },
    { method: 'POST', path: '/stream' },
  ])
})

test('refused, hanging and answering, and well again on the same port', async () => {
  const { proxy, done } = await start()
  await proxy.refuse()
  expect(await ask(proxy, '/refused')).toBeNull()
  await proxy.hang()
  expect(await ask(proxy, '/hanging', AbortSignal.timeout(100))).toBeNull()
  await proxy.answer(429, { 'retry-after': '7' }, '{"busy":true}')
  const busy = await ask(proxy, '/busy')
  expect(busy).toMatchObject({ status: 429, text: '{"busy":true}' })
  expect(busy?.headers.get('retry-after')).toBe('7')
  await proxy.garbage()
  expect((await ask(proxy, '/garbage'))?.text).toContain('<html>')
  await proxy.garbage('shape')
  expect((await ask(proxy, '/garbage'))?.text).toContain('unexpected')
  await proxy.garbage('wire')
  expect(await ask(proxy, '/garbage')).toBeNull()
  expect(done).toEqual([])
  await proxy.garbage('half')
  expect(await ask(proxy, '/half')).toBeNull()
  await proxy.pass()
  expect((await ask(proxy, '/well'))?.status).toBe(201)
  expect(done).toEqual(['POST /half hello', 'POST /well hello'])
})

test('a slow one takes its time', async () => {
  const { proxy, done } = await start()
  await proxy.slow(1_000)
  expect(await askInVain(proxy, '/impatient')).toBeNull()
  expect((await ask(proxy, '/patient'))?.status).toBe(201)
  expect(done).toEqual(['POST /patient hello'])
})

test('a lost answer: the work is done, once, and the next of its kind goes through', async () => {
  const { proxy, done } = await start()
  proxy.loseNext((method, path) => method === 'POST' && path.startsWith('/made'))
  expect((await ask(proxy, '/other'))?.status).toBe(201)
  expect(await ask(proxy, '/made?name=x')).toBeNull()
  expect(done).toEqual(['POST /other hello', 'POST /made?name=x hello'])
  expect((await ask(proxy, '/made?name=x'))?.status).toBe(201)
  proxy.loseNext((_method, path) => path === '/never-came')
  await proxy.pass()
  expect((await ask(proxy, '/never-came'))?.status).toBe(201)
})

test('a held request lands when it is let, also after its caller has gone', async () => {
  const { proxy, done } = await start()
  const held = proxy.holdNext((_method, path) => path === '/held')
  await expect(held.land()).rejects.toThrow('no request came')
  expect(await askInVain(proxy, '/held')).toBeNull()
  expect(done).toEqual([])
  await held.land()
  expect(done).toEqual(['POST /held hello'])

  const refused = proxy.holdNext((_method, path) => path === '/no')
  expect(await askInVain(proxy, '/no')).toBeNull()
  await expect(refused.land()).rejects.toThrow('409')
})

test('what came while it was frozen is done when it goes on, and whoever still waits is answered', async () => {
  const { proxy, done } = await start()
  await proxy.freeze()
  expect(await askInVain(proxy, '/given-up')).toBeNull()
  const patient = ask(proxy, '/patient')
  await expect.poll(() => proxy.requests.length).toBe(2)
  expect(done).toEqual([])
  await proxy.pass()
  expect((await patient)?.status).toBe(201)
  await expect.poll(() => done.toSorted()).toEqual(['POST /given-up hello', 'POST /patient hello'])
})

test('an upgraded connection is carried both ways', async () => {
  const { proxy } = await start()
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  open.push({ close: async () => void socket.destroy() })
  let said = ''
  socket.on('data', (chunk) => (said += String(chunk)))
  socket.write('POST /attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
  await expect.poll(() => said).toContain('101 Switching')
  socket.write('over there')
  await expect.poll(() => said).toContain('over there')
})

test('TLS on both sides: each trusts one authority alone', async () => {
  const certificate = await makeServerCertificate()
  const backend = await startBackend({ key: certificate.key, cert: certificate.cert })
  const proxy = await createFaultProxy({ target: backend.url, targetCa: certificate.ca, tls: true })
  const blind = await createFaultProxy({ target: backend.url, tls: true })
  open.push(proxy, blind)
  const status = (url: string, ca: string) =>
    new Promise((resolve) => {
      const request = secureRequest(url, { ca, agent: false, timeout: 10_000 }, (answer) => resolve(answer.statusCode))
      request.on('error', () => resolve(null)).end()
    })
  expect(await status(proxy.url, proxy.ca)).toBe(201)
  expect(await status(proxy.url, certificate.ca)).toBeNull()
  expect(await status(blind.url, blind.ca)).toBeNull()
  await proxy.refuse()
  expect(await status(proxy.url, proxy.ca)).toBeNull()
  await proxy.pass()
  expect(await status(proxy.url, proxy.ca)).toBe(201)
})
