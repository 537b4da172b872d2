import { expect, test } from 'vitest'
import { mayBeReached, parseAddress, parseNetwork } from '../../../platform/addresses.ts'
import { clientAddresses } from '../../../gateway/client-address.ts'
import { closeFrame, createFrameScanner } from '../../../gateway/frames.ts'
import { listenerAt, ownServices } from '../../../platform/own-listeners.ts'
import { targetOf } from '../../../platform/target.ts'
import { sharedWith } from '../../../platform/config/gateway.ts'

test.each([
  ['10.1.2.3', ['10.0.0.0/8'], true],
  ['10.1.2.3', ['10.2.0.0/16'], false],
  ['10.1.2.3', [], false],
  ['127.0.0.1', ['0.0.0.0/0'], false],
  ['127.0.0.1', ['127.0.0.0/8'], true],
  ['127.0.0.1', ['127.0.0.1/32'], true],
  ['169.254.169.254', ['0.0.0.0/0', '169.0.0.0/8'], false],
  ['169.254.169.254', ['169.254.0.0/16'], true],
  ['::ffff:127.0.0.1', ['::/0', '0.0.0.0/0'], false],
  ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
  ['10.1.2.3', ['::ffff:10.0.0.0/104'], true],
  ['64:ff9b::a9fe:a9fe', ['::/0'], false],
  ['fd00:ec2::254', ['fd00::/8'], false],
  ['fd00:1::5', ['fd00::/8'], true],
  ['fe80::1', ['::/0'], false],
  ['::1', ['::/0'], false],
  ['0.0.0.0', ['0.0.0.0/0'], false],
  ['255.255.255.255', ['0.0.0.0/0'], false],
])('an endpoint at %s within %j: %s', (text, networks, expected) => {
  const address = parseAddress(text)
  expect(address !== null && mayBeReached(address, networks.map(parseNetwork))).toBe(expected)
})

test('numbers, zones and short forms are no addresses', () => {
  for (const text of ['127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', 'fe80::1%eth0', ''])
    expect(parseAddress(text)).toBeNull()
})

test('a name is resolved once, and what is connected to is the address that was checked', async () => {
  const at = (host: string, networks: string[], ...found: string[]) =>
    targetOf({ endpoint: { host, port: 80 }, networks }, () => Promise.resolve(found))
  expect(await at('node7', ['10.0.0.0/8'], '169.254.169.254', '10.0.0.7')).toEqual({
    kind: 'address',
    host: '10.0.0.7',
    port: 80,
  })
  expect(await at('node7', ['10.0.0.0/8'], '192.168.0.1')).toEqual({ kind: 'forbidden' })
  expect(await at('node7', ['10.0.0.0/8'])).toEqual({ kind: 'unreachable' })
  expect(await targetOf({ endpoint: null, networks: [] })).toEqual({ kind: 'unreachable' })
})

test('no endpoint is where one of Carrel’s own services listens, by whatever name that is known', async () => {
  const own = ownServices([
    'postgres://user:secret@db.internal/carrel',
    'https://carrel.example.org',
    'temporal:7233',
    '[::1]:8080',
    listenerAt('0.0.0.0', 9090),
    listenerAt('127.0.0.1', null),
    null,
  ])
  expect(own.map(({ host, port }) => `${host} ${port}`)).toEqual([
    'db.internal 5432',
    'carrel.example.org 443',
    'temporal 7233',
    '::1 8080',
    '0.0.0.0 9090',
  ])
  const asked: string[] = []
  const names: Record<string, string[]> = { 'db.internal': ['10.0.0.9'], temporal: ['10.0.0.8', '::ffff:10.0.0.7'] }
  const resolve = (name: string) => {
    asked.push(name)
    return Promise.resolve(names[name] ?? [])
  }
  const kindAt = async (host: string, port: number) =>
    (await targetOf({ endpoint: { host, port }, networks: ['10.0.0.0/8', '127.0.0.1/32', '::1/128'] }, resolve, own))
      .kind
  expect(await kindAt('10.0.0.9', 5432)).toBe('forbidden')
  expect(await kindAt('10.0.0.9', 5433)).toBe('address')
  expect(await kindAt('10.0.0.7', 7233)).toBe('forbidden')
  expect(await kindAt('::ffff:10.0.0.8', 7233)).toBe('forbidden')
  expect(await kindAt('::1', 8080)).toBe('forbidden')
  expect(await kindAt('127.0.0.1', 9090)).toBe('forbidden')
  expect(await kindAt('10.0.0.6', 9090)).toBe('address')
  // Only where the port is the same is a name looked up.
  expect(new Set(asked)).toEqual(new Set(['db.internal', 'temporal']))
})

test('who calls is said by those before us alone that are trusted', () => {
  const forwarded = ['X-Forwarded-For', '1.1.1.1, 2.2.2.2', 'x-forwarded-for', '10.0.0.9']
  expect(clientAddresses([])('::ffff:10.0.0.5', forwarded)).toBe('10.0.0.5')
  expect(clientAddresses(['10.0.0.0/24'])('10.0.0.5', forwarded)).toBe('2.2.2.2')
  expect(clientAddresses(['10.0.0.0/24'])('9.9.9.9', forwarded)).toBe('9.9.9.9')
  expect(clientAddresses(['10.0.0.0/24'])('10.0.0.5', ['X-Forwarded-For', 'junk'])).toBe('10.0.0.5')
})

test('frames are counted wherever they are cut, and keep-alives are not', () => {
  const frame = (opcode: number, length: number, masked = true) => {
    const head =
      length < 126
        ? [length]
        : length < 65_536
          ? [126, length >> 8, length & 255]
          : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (length >>> by) & 255)]
    if (masked) head[0] = (head[0] ?? 0) | 0x80
    return Buffer.concat([
      Buffer.from([0x80 | opcode, ...head]),
      masked ? Buffer.alloc(4, 7) : Buffer.alloc(0),
      Buffer.alloc(length, 0x81),
    ])
  }
  const all = Buffer.concat([
    frame(1, 5),
    frame(9, 4),
    frame(10, 0),
    frame(2, 300),
    frame(0, 70_000),
    frame(8, 2),
    frame(1, 0),
  ])
  for (const size of [1, 2, 3, 7, 1_000, all.length]) {
    const scanner = createFrameScanner()
    let frames = 0
    for (let at = 0; at < all.length; at += size) frames += scanner.feed(all.subarray(at, at + size))
    expect([size, frames, scanner.atBoundary]).toEqual([size, 4, true])
  }
  const scanner = createFrameScanner()
  scanner.feed(frame(2, 10, false).subarray(0, 5))
  expect(scanner.atBoundary).toBe(false)
  const endless = createFrameScanner()
  endless.feed(Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3]))
  expect([endless.feed(all), endless.atBoundary]).toEqual([0, false])
  expect([...closeFrame(1008, 'no')]).toEqual([0x88, 4, 0x03, 0xf0, 0x6e, 0x6f])
})

test.each([
  ['sessions.example.net', ['https://portal.example.org'], null],
  ['sessions.example.org', ['https://portal.example.org'], 'example.org'],
  ['example.org', ['https://portal.example.org'], 'example.org'],
  ['sessions.example.co.uk', ['https://portal.other.co.uk'], null],
  ['one.github.io', ['https://two.github.io'], null],
  ['sessions.test', ['https://portal.test'], null],
  ['sessions.test', ['https://api.sessions.test:8443'], 'sessions.test'],
])('%s beside %j shares: %s', (domain, urls, site) => {
  expect(sharedWith(domain, urls)).toBe(site)
})
