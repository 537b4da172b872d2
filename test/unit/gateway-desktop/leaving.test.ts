import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { TunnelId } from '../../../domain/ids.ts'
import { eventually } from '../../support/gateway/stand.ts'
import { startDesktopGateway } from '../../support/guacd/gateway.ts'

const door = { host: '127.0.0.1', port: 9, password: 'x' }
/** Nothing listens there. */
const guacds = [{ host: '127.0.0.1', port: 9 }]

test('the row of a viewer who left while it was being written is closed', async () => {
  const writing = Promise.withResolvers<TunnelId>()
  const closed: string[] = []
  let asked = 0
  const gateway = await startDesktopGateway({
    guacds,
    doors: { desk: door },
    more: {
      doors: {
        openTunnel: () => ((asked += 1), writing.promise),
        closeTunnel: (id, reason) => Promise.resolve(void closed.push(`${id} ${reason}`)),
        reportDoor: () => Promise.resolve(),
      },
    },
  })
  try {
    const port = gateway.origin.split(':')[1] ?? ''
    const headers = { Host: 'desk-control.localhost' }
    const viewer = new WebSocket(`ws://127.0.0.1:${port}/.carrel/desktop/tunnel`, 'guacamole', { headers })
    await once(viewer, 'open')
    await eventually(() => asked === 1, 'the row is being written')
    viewer.close()
    await eventually(() => gateway.live.all().length === 0, 'it is out of the register')
    writing.resolve('tunnel1' as TunnelId)
    await eventually(() => closed.length > 0, 'its row is closed')
    expect(closed).toEqual(['tunnel1 left'])
  } finally {
    await gateway.close()
  }
})

test('a socket that asks for nothing that is there is not kept', async () => {
  const gateway = await startDesktopGateway({ guacds, doors: { desk: door } })
  try {
    const socket = connect({ port: Number(gateway.origin.split(':')[1]), host: '127.0.0.1', allowHalfOpen: true })
    const lines = ['GET /.carrel/desktop/other HTTP/1.1', 'Host: desk-control.localhost', 'Connection: Upgrade']
    socket.write([...lines, 'Upgrade: websocket', '', ''].join('\r\n'))
    socket.on('error', () => undefined)
    socket.resume()
    let isGone = false
    socket.once('end', () => {
      // Who never closes its own side learns that nobody listens any more.
      const knocking = setInterval(() => socket.write('x'), 20)
      socket.once('close', () => {
        clearInterval(knocking)
        isGone = true
      })
    })
    await eventually(() => isGone, 'the other side is gone')
  } finally {
    await gateway.close()
  }
})
