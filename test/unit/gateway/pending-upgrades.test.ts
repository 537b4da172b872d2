import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import {
  cookieOf,
  createRawSession,
  createStand,
  doorsTo,
  eventually,
  ownOrigin,
  requestText,
} from '../../support/gateway/stand.ts'

/** A gateway before a session that is asked for a WebSocket and has said so much, and no more. */
async function asking(says: string) {
  const sessions: Socket[] = []
  const session = await createRawSession((socket) =>
    socket.once('data', () => {
      sessions.push(socket)
      socket.write(says)
    }),
  )
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors, { firstByteMs: 60_000 })
  const socket = connect(stand.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  const headers = {
    ...{ Cookie: cookieOf(pass), Origin: ownOrigin(), Connection: 'Upgrade', Upgrade: 'websocket' },
    ...{ 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  }
  socket.write(requestText({ headers }))
  await eventually(() => sessions.length === 1, 'the session was asked')
  return { ...stand, session, sessions, doors, pass, socket }
}

const waiting = [
  ['says nothing', ''],
  ['refuses it, and never comes to an end', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc'],
] as const

test.each(waiting)('a WebSocket whose session %s is cut with the right to it', async (_, says) => {
  const { doors, pass, socket, gateway, sessions, close, session } = await asking(says)
  try {
    doors.judge(pass, { kind: 'no_access' })
    await once(socket, 'close')
    await eventually(() => sessions[0]?.destroyed === true, 'the session hears of it')
    expect(gateway.live.all()).toEqual([])
  } finally {
    socket.destroy()
    await close()
    await session.close()
  }
})

test('a WebSocket that no session has accepted yet holds no gateway up that ends', async () => {
  const { socket, gateway, session } = await asking('')
  try {
    await gateway.close(0, 100)
    expect(gateway.live.all()).toEqual([])
  } finally {
    socket.destroy()
    await session.close()
  }
})
