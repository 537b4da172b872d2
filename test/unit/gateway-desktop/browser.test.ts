import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { browserLimits, openBrowser } from '../../../gateway/desktop/browser.ts'
import type { Browser, BrowserLimits } from '../../../gateway/desktop/browser.ts'
import { encodeInstruction } from '../../../gateway/desktop/instructions.ts'
import type { Instruction } from '../../../gateway/desktop/instructions.ts'

let server: WebSocketServer
const clients: WebSocket[] = []
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate()
  await new Promise((resolve) => server.close(resolve))
})

async function pair(limits: Partial<BrowserLimits> = {}) {
  const noted: string[] = []
  const heard: string[] = []
  const opened = new Promise<Browser>((resolve) => {
    server.once('connection', (socket) =>
      resolve(
        openBrowser(
          socket,
          {
            said: (batch) => noted.push(...batch.map(({ opcode }) => opcode)),
            gone: (end) => noted.push(`gone ${end}`),
            received: () => undefined,
            sent: () => undefined,
          },
          { ...browserLimits, ...limits },
        ),
      ),
    )
  })
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  clients.push(client)
  client.on('message', (data: Buffer) => heard.push(data.toString()))
  const closed = new Promise<string>((resolve) => {
    client.once('close', (code, reason) => resolve(`${code} ${reason.toString()}`))
  })
  const browser = await opened
  await expect.poll(() => client.readyState).toBe(WebSocket.OPEN)
  return { browser, client, noted, heard, closed }
}
const said = (opcode: string, raw: Buffer, ...args: string[]): Instruction => ({ opcode, args, raw })

describe('a viewer’s WebSocket', () => {
  test('gets the tunnel’s id first, its pings back, and what is said as one message', async () => {
    const { browser, client, noted, heard } = await pair()
    browser.open('tun1')
    client.send('0.,4.ping,3.123;3.key,2.97,1.1;4.sync,1.7;')
    await expect.poll(() => heard).toEqual(['0.,4.tun1;', '0.,4.ping,3.123;'])
    expect(noted).toEqual(['key', 'sync'])
    browser.send([said('nop', Buffer.from('3.nop;')), said('sync', Buffer.from('4.sync,1.1;'))])
    await expect.poll(() => heard[2]).toBe('3.nop;4.sync,1.1;')
  })

  test('text of no encoding is mended before a browser would end the connection over it', async () => {
    const { browser, client, heard } = await pair()
    browser.send([said('name', Buffer.from('4.name,1.\xff;', 'latin1'), '\ufffd')])
    await expect.poll(() => heard).toEqual([encodeInstruction('name', '\ufffd')])
    expect(client.readyState).toBe(WebSocket.OPEN)
  })

  test.each([
    ['no instruction', 'GET / HTTP/1.1'],
    ['one that is too long', `9000.${'x'.repeat(9_000)};`],
    ['bytes', Buffer.from('3.nop;')],
  ])('%s ends it', async (_name, message) => {
    const { client, noted, closed } = await pair()
    client.send(message)
    expect(await closed).toBe('1002 768 browser_fault')
    expect(noted).toEqual(['gone browser_fault'])
  })

  test('one that gives no sign of life is given up; one whose page only sleeps is not', async () => {
    // Longer than this process itself may be held up.
    const limits = { pingMs: 50, silentMs: 2_000 }
    const awake = await pair(limits)
    const asleep = await pair(limits)
    asleep.client.pause()
    await expect.poll(() => asleep.noted).toEqual(['gone browser_silent'])
    expect(awake.noted).toEqual([])
  })

  test('a reason reaches it, and what does not take it is ended all the same', async () => {
    const listening = await pair()
    listening.browser.close('withdrawn')
    expect(await listening.closed).toBe('1008 771 withdrawn')
    expect(listening.noted).toEqual([])
    const deaf = await pair({ closeMs: 50 })
    deaf.client.pause()
    deaf.browser.close('cut')
    await expect.poll(() => server.clients.size).toBe(0)
  })

  test('one that reads nothing makes the desktop wait, until it reads', async () => {
    const { browser, client } = await pair({ highWater: 100_000 })
    client.pause()
    const blob = said('blob', Buffer.from(encodeInstruction('blob', '1', 'x'.repeat(60_000))))
    await expect.poll(() => browser.send([blob]), { interval: 1 }).toBe(false)
    let drained = false
    browser.drained(() => (drained = true))
    client.resume()
    await expect.poll(() => drained).toBe(true)
    expect(browser.send([blob])).toBe(true)
  })
})
