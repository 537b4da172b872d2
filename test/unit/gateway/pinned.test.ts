import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectPinned } from '../../../ports/access/pinned.ts'
import { probeHttp, probeTcp } from '../../../ports/access/probe.ts'
import { accessTo, hostOf } from '../../support/gateway/memory-doors.ts'
import { ask, cookieOf, createStand, doorsTo, ownOrigin, requestText, speak } from '../../support/gateway/stand.ts'
import { createEavesdropper, createPlainListener, createTlsSession } from '../../support/gateway/tls-session.ts'
import type { Eavesdropper, TlsSession } from '../../support/gateway/tls-session.ts'

let session: TlsSession
let between: Eavesdropper
let plain: Eavesdropper
const never = new AbortController().signal
const secret = 'known-to-the-session-alone'

beforeAll(async () => {
  session = await createTlsSession((request, response) => {
    response.end(`${request.method} ${request.url} ${request.headers['x-secret'] ?? ''}`)
  })
  between = await createEavesdropper(session.port)
  plain = await createPlainListener()
}, 60_000)
afterAll(async () => {
  for (const one of [session, between, plain]) await one.close()
})

/** A gateway whose session is at a port, by the certificate that it reported. */
async function standTo(port: number, fingerprint: string = session.fingerprint) {
  const { spec } = accessTo(port)
  const { doors, pass } = doorsTo(port, {
    endpoint: { host: '127.0.0.1', port, fingerprint },
    secret: Buffer.from(secret),
    spec: { ...spec, secret: { header: 'X-Secret', value: '{secret}' } },
  })
  const stand = await createStand(doors)
  const headers = { Cookie: cookieOf(pass), Origin: ownOrigin() }
  return { ...stand, headers }
}

const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'x'.repeat(24) }

test('a session that shows the certificate it reported is spoken to, over connections that are kept', async () => {
  const stand = await standTo(session.port)
  const before = session.handshakes()
  for (const path of ['/one', '/two', '/three']) {
    const { status, body } = await ask(stand.port, { path, headers: stand.headers })
    expect([status, body]).toEqual([200, `GET ${path} ${secret}`])
  }
  expect(session.handshakes() - before).toBe(1)
  const posted = await ask(stand.port, { method: 'POST', path: '/four', body: 'x', headers: stand.headers })
  expect(posted.body).toBe(`POST /four ${secret}`)
  await stand.close()
})

test('a WebSocket passes in both directions', async () => {
  const stand = await standTo(session.port)
  const text = requestText({ path: '/ws', headers: { ...stand.headers, ...upgrade } })
  // What follows the head is echoed by the session.
  const said = await speak(stand.port, `${text}echo of frames`, /echo of frames/)
  expect(said).toMatch(/^HTTP\/1\.1 101 /)
  await stand.close()
})

test('somebody in between, who shows a certificate of his own, is told nothing', async () => {
  const stand = await standTo(between.port)
  for (const asked of [
    { path: '/one' },
    { method: 'POST', path: '/two', body: 'a body' },
    { path: '/ws', headers: upgrade },
  ]) {
    const visits = between.visits()
    const headers = { ...stand.headers, ...('headers' in asked ? asked.headers : {}) }
    const { status } = await ask(stand.port, { ...asked, headers })
    expect([status, between.visits() > visits]).toEqual([502, true])
  }
  expect(between.read()).toBe('')
  expect(stand.doors.reports.some((line) => line.endsWith(' unreachable'))).toBe(true)
  await stand.close()
})

test('whoever answers plainly on the port is told nothing', async () => {
  const stand = await standTo(plain.port)
  const { status, body } = await ask(stand.port, { path: '/private', headers: stand.headers })
  expect([status, body.includes('plain')]).toEqual([502, false])
  expect(plain.visits()).toBeGreaterThan(0)
  for (const word of ['GET', 'private', secret]) expect(plain.read()).not.toContain(word)
  await stand.close()
})

test('a kept connection is of one certificate: another one for the same place is another connection, and refused', async () => {
  const stand = await standTo(session.port)
  expect((await ask(stand.port, { path: '/', headers: stand.headers })).status).toBe(200)
  const other = `${session.fingerprint.slice(0, -1)}${session.fingerprint.endsWith('0') ? '1' : '0'}`
  const endpoint = { host: '127.0.0.1', port: session.port, fingerprint: other }
  const pass = stand.doors.pass(hostOf(), accessTo(session.port, { endpoint }))
  const answer = await ask(stand.port, { path: '/', headers: { ...stand.headers, Cookie: cookieOf(pass) } })
  expect(answer.status).toBe(502)
  await stand.close()
})

test('probes believe nobody but the session', async () => {
  const { fingerprint } = session
  const at = (port: number) => ({ host: '127.0.0.1', port, fingerprint })
  const answers = async (port: number) => [
    await probeTcp(at(port), never),
    await probeHttp({ ...at(port), path: '/?a=b', status: 200 }, never),
  ]
  expect(await answers(session.port)).toEqual([true, true])
  expect(await answers(between.port)).toEqual([false, false])
  expect(await answers(plain.port)).toEqual([false, false])
  expect(await probeHttp({ ...at(session.port), path: '/', status: 204 }, never)).toBe(false)
  expect(between.read()).toBe('')
})

test('an attempt is given up when nobody waits for it any more', async () => {
  const given = AbortSignal.abort()
  await expect(
    connectPinned({ host: '127.0.0.1', port: session.port, fingerprint: session.fingerprint }, given),
  ).rejects.toThrow('given up')
})
