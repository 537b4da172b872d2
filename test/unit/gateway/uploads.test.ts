import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import {
  ask,
  cookieOf,
  createRawSession,
  createSession,
  createStand,
  doorsTo,
  eventually,
  ownOrigin,
  requestText,
} from '../../support/gateway/stand.ts'
import { liveBytes } from '../../support/live-memory.ts'

const mib = 1_048_576

/** Begins an upload of so many bytes; `more` writes them as fast as they are taken. */
function upload(port: number, pass: string, bytes: number) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let said = ''
  socket.on('data', (chunk) => (said += String(chunk)))
  const headers = { Cookie: cookieOf(pass), Origin: ownOrigin(), 'Content-Length': String(bytes) }
  socket.write(requestText({ method: 'PUT', path: '/big', headers }))
  const chunk = Buffer.alloc(65_536, 97)
  let left = bytes
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const piece = chunk.subarray(0, Math.min(left, chunk.length))
      left -= piece.length
      if (socket.write(piece)) continue
      socket.once('drain', more)
      return
    }
  }
  return { socket, more, said: () => said, left: () => left }
}

test.each(['Content-Length: 99999999999', 'Transfer-Encoding: chunked'])(
  'a desktop’s door reads no content (%s), and hangs up',
  { timeout: 30_000 },
  async (framing) => {
    const { doors, pass } = doorsTo(1, { web: { protocol: 'vnc' } })
    const stand = await createStand(doors)
    for (const path of ['/', '/.carrel/desktop', '/.carrel/open']) {
      const socket = connect(stand.port, '127.0.0.1')
      let [said, closed] = ['', false]
      socket.on('data', (chunk) => (said += String(chunk)))
      socket.on('error', () => {}).once('close', () => (closed = true))
      const [name = '', value = ''] = framing.split(': ')
      const headers = { Cookie: cookieOf(pass), Origin: ownOrigin(), Connection: 'keep-alive', [name]: value }
      socket.write(requestText({ method: 'POST', path, headers }))
      await eventually(() => said.includes('}'), `${path} is answered`)
      expect(said).toMatch(/^HTTP\/1\.1 413 .*"payload_too_large"/s)
      const piece = `10000\r\n${'a'.repeat(65_536)}\r\n`
      const more = () =>
        void (socket.writable && (socket.write(piece) ? setImmediate(more) : socket.once('drain', more)))
      more()
      await eventually(() => closed, `${path} hangs up`)
    }
    // What has nothing in it is as good as none.
    const empty = await ask(stand.port, { method: 'GET', headers: { Cookie: cookieOf(pass), 'Content-Length': '0' } })
    expect(empty.status).toBe(200)
    await stand.close()
  },
)

test('256 MiB pass upwards whole, and memory stays flat', { timeout: 60_000 }, async () => {
  let got = 0
  const held: number[] = []
  const session = await createSession((request, response) => {
    request.on('data', (chunk: Buffer) => {
      got += chunk.length
      if (got > (held.length + 1) * 32 * mib) held.push(liveBytes())
    })
    request.on('end', () => response.end(`got ${got}`))
  })
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  const before = liveBytes()
  const { more, said } = upload(stand.port, pass, 256 * mib)
  more()
  await eventually(() => said().includes(`got ${256 * mib}`), 'all of it arrives', 50_000)
  expect(held).toHaveLength(7)
  expect(Math.max(...held) - before).toBeLessThan(16 * mib)
  await stand.close()
  await session.close()
})

test('a session that does not read holds its browser back; when one of them leaves, so does the other', async () => {
  const taken: Socket[] = []
  const session = await createRawSession((socket) => void taken.push(socket.pause()))
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  const { socket, more, left } = upload(stand.port, pass, 512 * mib)
  more()
  let last = -1
  await eventually(() => {
    const stands = taken.length === 1 && left() === last && left() < 512 * mib
    last = left()
    return stands
  }, 'it stands still')
  expect(left()).toBeGreaterThan(400 * mib)
  let closed = false
  taken[0]?.once('close', () => (closed = true))
  socket.destroy()
  taken[0]?.resume()
  await eventually(() => closed && stand.gateway.live.all().length === 0, 'the session hears of it')
  await stand.close()
  await session.close()
})

test('an upload of which nothing more arrives is given up', async () => {
  const session = await createSession((request) => request.resume())
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors, { idleMs: 200 })
  const { socket, said } = upload(stand.port, pass, 1_000)
  socket.write('only this')
  await eventually(() => said().startsWith('HTTP/1.1 408 '), 'it is told so')
  await eventually(() => stand.gateway.live.all().length === 0, 'nothing stays open')
  socket.destroy()
  await stand.close()
  await session.close()
})

test('a session that answers before it has read all: its answer arrives whole', async () => {
  const session = await createSession((_request, response) => response.writeHead(413).end('too large'))
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  const { more, said } = upload(stand.port, pass, 4 * mib)
  more()
  await eventually(() => said().includes('too large'), 'the answer arrives')
  expect(said()).toMatch(/^HTTP\/1\.1 413 /)
  await stand.close()
  await session.close()
})
