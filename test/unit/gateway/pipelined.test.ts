import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { cookieOf, createSession, createStand, doorsTo, eventually, requestText } from '../../support/gateway/stand.ts'

test('what follows requests and is none says nothing into the answer that is under way', async () => {
  const session = await createSession((incoming, response) => {
    if (incoming.url === '/first') return response.end('one')
    return response.writeHead(200, { 'Content-Length': '1000' }).write('two-begins')
  })
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors)
  const socket = connect(stand.port, '127.0.0.1')
  try {
    const headers = { Cookie: cookieOf(pass), 'Sec-Fetch-Site': 'same-origin', Connection: 'keep-alive' }
    let said = ''
    socket.on('data', (bytes: Buffer) => (said += bytes.toString('latin1')))
    socket.on('error', () => undefined)
    socket.write(requestText({ path: '/first', headers }) + requestText({ path: '/second', headers }))
    await eventually(() => said.includes('two-begins'), 'the second answer has begun')
    socket.write('no request\r\n\r\n')
    await once(socket, 'close')
    expect(said).toMatch(/one[^]*two-begins$/)
  } finally {
    socket.destroy()
    await stand.close()
    await session.close()
  }
})
