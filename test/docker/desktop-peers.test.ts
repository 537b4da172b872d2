import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { DoorSpec } from '../../domain/template.ts'
import { ensureImage } from '../../ports/compute/docker/build.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { startDesktopGateway } from '../support/guacd/gateway.ts'
import type { DesktopGateway } from '../support/guacd/gateway.ts'
import { startGuacd } from '../support/guacd/start.ts'
import type { Guacd } from '../support/guacd/start.ts'
import { openViewer } from '../support/guacd/viewer.ts'
import { docker } from './docker-harness.ts'

const tag = 'carrel-test-desktop-peers:1'
const password = randomBytes(9).toString('base64url')
const gateways: DesktopGateway[] = []
let guacd: Guacd
let machine: Awaited<ReturnType<typeof docker.createContainer>>
let out: string

/** The machine's port 22 or 3389, at a port of loopback. */
async function portOf(inner: string): Promise<number> {
  const { NetworkSettings } = await machine.inspect()
  return Number(NetworkSettings.Ports[inner]?.[0]?.HostPort)
}

/** A request for a connection, as RDP begins (X.224). */
const rdpGreeting = '0300000b06e00000000000'

/** Waits until somebody answers there. */
const speaking = (port: number, greeting: string) =>
  vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port })
        socket.setTimeout(2_000, () => socket.destroy())
        socket.once('connect', () => socket.write(Buffer.from(greeting, 'hex')))
        socket.once('data', () => (resolve(), socket.destroy()))
        socket.on('error', () => undefined)
        socket.once('close', () => reject(new Error(`nobody answers on ${port}`)))
      }),
    { timeout: 60_000, interval: 200 },
  )

beforeAll(async () => {
  const contextDir = fileURLToPath(new URL('desktop', import.meta.url))
  const engine = createEngine(docker, 60_000)
  await ensureImage({ engine, tag, contextDir, extraCa: null, signal: AbortSignal.timeout(8 * 60_000) })
  out = await mkdtemp(join(tmpdir(), 'carrel-peers-'))
  await chmod(out, 0o777)
  machine = await docker.createContainer({
    Image: tag,
    Labels: { 'carrel.test': 'desktop-peers' },
    Env: [`PASSWORD=${password}`],
    ExposedPorts: { '22/tcp': {}, '3389/tcp': {} },
    HostConfig: {
      Binds: [`${out}:/out`],
      PortBindings: {
        '22/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '3389/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
      },
    },
  })
  await machine.start()
  guacd = await startGuacd()
  // The daemon takes connections for its ports before anybody listens behind them: only an answer counts.
  await speaking(await portOf('22/tcp'), '')
  await speaking(await portOf('3389/tcp'), rdpGreeting)
}, 12 * 60_000)
afterAll(async () => {
  for (const gateway of gateways) await gateway.close()
  await guacd?.kill()
  await machine?.remove({ force: true, v: true })
  if (out !== undefined) await rm(out, { recursive: true, force: true })
})

async function gatewayTo(inner: string, spec: Partial<DoorSpec>, secret = password): Promise<DesktopGateway> {
  const port = await portOf(inner)
  const gateway = await startDesktopGateway({
    guacds: [guacd],
    doors: { peer: { host: '127.0.0.1', port, password: secret } },
    spec,
    more: { limits: { argsMs: 10_000, pictureMs: 25_000, tries: 2 } },
  })
  gateways.push(gateway)
  return gateway
}
const written = (name: string, text: string) =>
  vi.waitFor(async () => expect(await readFile(join(out, name), 'utf8')).toContain(text), { timeout: 20_000 })

describe('a shell through guacd and sshd', () => {
  const spec: Partial<DoorSpec> = {
    protocol: 'ssh',
    parameters: { username: 'desk', 'color-scheme': 'white-black' },
    files: { upload: true, download: true },
  }

  test('is typed into by who may, seen by who joins, and takes files', async () => {
    const gateway = await gatewayTo('22/tcp', spec)
    const early = openViewer({ origin: gateway.origin, host: 'peer-view' })
    expect(await early.ended).toEqual({ code: 1013, reason: '516 nobody_to_watch' })

    const owner = openViewer({ origin: gateway.origin, host: 'peer-control', pictureLimitMs: 30_000 })
    await owner.picture
    const guest = openViewer({ origin: gateway.origin, host: 'peer-view', pictureLimitMs: 30_000 })
    await guest.picture
    guest.type('echo guest > /out/guest\n')
    owner.type('echo owner > /out/shell\n')
    await written('shell', 'owner\n')
    await expect(readFile(join(out, 'guest'))).rejects.toThrow('ENOENT')

    await vi.waitFor(() => expect(owner.count('filesystem')).toBe(1), { timeout: 20_000 })
    expect(guest.count('filesystem')).toBe(0)
    owner.say('put', 0, 7, 'text/plain', '/out/brought 😀.txt')
    await vi.waitFor(() => expect(owner.count('ack')).toBe(1), { timeout: 10_000 })
    owner.say('blob', 7, Buffer.from('what was brought').toString('base64'))
    owner.say('end', 7)
    await written('brought 😀.txt', 'what was brought')
    for (const viewer of [owner, guest]) viewer.close()
  })

  test('does not open with another password, and says so', async () => {
    const gateway = await gatewayTo('22/tcp', spec, 'wrong')
    const viewer = openViewer({ origin: gateway.origin, host: 'peer-control' })
    expect(await viewer.ended).toEqual({ code: 1011, reason: '769 credentials_refused' })
  })
})

describe('a desktop through guacd and xrdp', () => {
  test('shows itself, is typed into by who may, and seen by who joins', async () => {
    const parameters = { username: 'desk', 'ignore-cert': 'true', security: 'any', 'disable-audio': 'true' }
    const gateway = await gatewayTo('3389/tcp', { protocol: 'rdp', parameters })
    const owner = openViewer({ origin: gateway.origin, host: 'peer-control', pictureLimitMs: 40_000 })
    await owner.picture
    const guest = openViewer({ origin: gateway.origin, host: 'peer-view', pictureLimitMs: 30_000 })
    await guest.picture
    await written('rdp', '')
    await vi.waitFor(
      async () => {
        owner.type('by rdp\n')
        expect(await readFile(join(out, 'rdp'), 'utf8')).toContain('by rdp\n')
      },
      { timeout: 30_000, interval: 500 },
    )
    guest.type('guest\n')
    owner.type('after\n')
    await written('rdp', 'after\n')
    expect(await readFile(join(out, 'rdp'), 'utf8')).not.toContain('guest')
    for (const viewer of [owner, guest]) viewer.close()
  })
})
