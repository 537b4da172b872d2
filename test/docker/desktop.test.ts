import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createGate, gateLimits } from '../../gateway/desktop/gate.ts'
import { encodeInstruction } from '../../gateway/desktop/instructions.ts'
import { openDesktop, openingLimits } from '../../gateway/desktop/opening.ts'
import { joiningParameters } from '../../gateway/desktop/parameters.ts'
import { createEavesdropper } from '../support/gateway/tls-session.ts'
import { startDesktop } from '../support/guacd/desktop.ts'
import type { Desktop } from '../support/guacd/desktop.ts'
import { startDesktopGateway } from '../support/guacd/gateway.ts'
import type { DesktopGateway, DesktopGatewayPlan } from '../support/guacd/gateway.ts'
import { startGuacd } from '../support/guacd/start.ts'
import type { Guacd } from '../support/guacd/start.ts'
import { openViewer } from '../support/guacd/viewer.ts'
import type { Viewer } from '../support/guacd/viewer.ts'

let guacd: Guacd
let desk: Desktop
const gateways: DesktopGateway[] = []

async function gatewayWith(plan: Partial<DesktopGatewayPlan> = {}): Promise<DesktopGateway> {
  const gateway = await startDesktopGateway({ guacds: [guacd], doors: { desk }, ...plan })
  gateways.push(gateway)
  return gateway
}
const viewerOf = (gateway: DesktopGateway, host = 'desk-control', query = ''): Viewer =>
  openViewer({ origin: gateway.origin, host, query })
const typedSoon = (text: string) =>
  vi.waitFor(async () => expect(await readFile(desk.typed, 'utf8')).toContain(text), { timeout: 10_000 })
/**
 * Until guacd has let go of every desktop that somebody came to, as it says itself. A fork of it that hung
 * before anybody came says nothing any more, and holds no desktop.
 */
const forgotten = (of: Guacd) =>
  vi.waitFor(
    () => {
      const named = (pattern: RegExp) => Array.from(of.said().matchAll(pattern), ([, id]) => id)
      const joined = named(/joined connection "([^"]+)"/g)
      const removed = named(/Connection "([^"]+)" removed/g)
      expect(removed.length).toBeGreaterThan(0)
      expect(joined.filter((id) => !removed.includes(id))).toEqual([])
    },
    { timeout: 15_000 },
  )

beforeAll(async () => {
  guacd = await startGuacd()
  desk = await startDesktop()
}, 10 * 60_000)
afterAll(async () => {
  for (const gateway of gateways) await gateway.close()
  await desk?.stop()
  await guacd?.kill()
})

describe('a desktop through guacd', () => {
  test('shows itself; the owner types, and who only looks sees it and does not', async () => {
    const gateway = await gatewayWith()
    const owner = viewerOf(gateway)
    console.log(`first picture after ${Math.round(await owner.picture)} ms`)
    const guest = viewerOf(gateway, 'desk-view')
    console.log(`first picture of who joins after ${Math.round(await guest.picture)} ms`)
    const seen = guest.count('img')

    guest.type('GUEST\n')
    guest.say('mouse', 5, 5, 1)
    guest.say('clipboard', 0, 'text/plain')
    owner.type('owner was here\n')
    await typedSoon('owner was here\n')
    expect(await readFile(desk.typed, 'utf8')).not.toContain('GUEST')
    await vi.waitFor(() => expect(guest.count('img')).toBeGreaterThan(seen), { timeout: 10_000 })
    const [first, second] = gateway.live.all()
    expect([first?.access.mode, first?.lastInputAt === null]).toEqual(['control', false])
    expect([second?.access.mode, second?.lastInputAt]).toEqual(['view', null])

    owner.say('disconnect')
    expect(await owner.ended).toEqual({ code: 1000, reason: '0 left' })
    // What the owner has begun lives on as long as somebody looks.
    const after = guest.count('sync')
    await vi.waitFor(() => expect(guest.count('sync')).toBeGreaterThan(after), { timeout: 10_000 })
    guest.close()
    await vi.waitFor(() => expect(gateway.closed.map(({ reason }) => reason)).toEqual(['left', 'left']))
    for (const row of gateway.closed) expect(row.bytesOut).toBeGreaterThan(1_000)
    expect(gateway.reported).toEqual(['desktop ok'])
    await forgotten(guacd)
  })

  test('guacd itself keeps who only looks from typing, were the gateway to let it pass', async () => {
    const gateway = await gatewayWith()
    const owner = viewerOf(gateway)
    await owner.picture
    const [, connectionId = ''] = /.*Connection ID is "([^"]+)"/s.exec(guacd.said()) ?? []
    const joined = await openDesktop({
      gate: createGate([guacd]),
      plan: {
        select: { join: connectionId },
        screen: { width: 800, height: 600, dpi: 96 },
        timezone: null,
        name: 'guest',
        parameters: joiningParameters({ spec: { protocol: 'vnc', port: 1, modes: ['view'] }, mode: 'view' }),
      },
      signal: AbortSignal.timeout(20_000),
      limits: openingLimits,
    })
    if (joined.kind !== 'opened') throw new Error(joined.detail)
    for (const key of 'SNEAKY') joined.link.send(encodeInstruction('key', key.codePointAt(0) ?? 0, 1))
    joined.link.send(encodeInstruction('key', 0xff0d, 1))
    owner.type('after the sneak\n')
    await typedSoon('after the sneak\n')
    expect(await readFile(desk.typed, 'utf8')).not.toContain('SNEAKY')
    joined.link.close()
    owner.close()
    await owner.ended
  })

  test('a cut closes it at once, with the reason, and nothing of it stays in guacd', async () => {
    const gateway = await gatewayWith()
    const [owner, guest] = [viewerOf(gateway), viewerOf(gateway, 'desk-view')]
    await Promise.all([owner.picture, guest.picture])
    const began = performance.now()
    gateway.live.cutWhere(() => true, 'withdrawn')
    expect(await Promise.all([owner.ended, guest.ended])).toEqual(
      [1, 2].map(() => ({ code: 1008, reason: '771 withdrawn' })),
    )
    console.log(`cut within ${Math.round(performance.now() - began)} ms`)
    await vi.waitFor(() => expect(gateway.closed.map(({ reason }) => reason)).toEqual(['withdrawn', 'withdrawn']))
    expect(gateway.live.all()).toEqual([])
    await forgotten(guacd)
  })

  test('one that speaks TLS is shown by its own certificate alone, and whoever joins comes by the same way', async () => {
    const front = await createEavesdropper(desk.port)
    const between = await createEavesdropper(desk.port)
    const { fingerprint } = front
    const gateway = await gatewayWith({
      doors: { desk: { ...desk, port: front.port, fingerprint }, trap: { ...desk, port: between.port, fingerprint } },
    })
    const owner = viewerOf(gateway)
    await owner.picture
    const visits = front.visits()
    const guest = viewerOf(gateway, 'desk-view')
    await guest.picture
    owner.type('by a bridge\n')
    await typedSoon('by a bridge\n')
    expect(front.visits()).toBe(visits)

    // What its owner has begun lives on as long as somebody looks, and no longer.
    owner.close()
    await owner.ended
    const after = guest.count('sync')
    await vi.waitFor(() => expect(guest.count('sync')).toBeGreaterThan(after), { timeout: 10_000 })
    guest.close()
    await guest.ended
    await vi.waitFor(() => expect(front.open()).toBe(0), { timeout: 10_000 })
    expect(await viewerOf(gateway, 'trap-control').ended).toEqual({ code: 1011, reason: '519 desktop_unreachable' })
    expect(between.read()).toBe('')
    await Promise.all([front.close(), between.close()])
  })

  test('a guacd that dies says so, and the next opening goes to another one', async () => {
    const doomed = await startGuacd()
    const gateway = await gatewayWith({ guacds: [doomed, guacd] })
    const first = viewerOf(gateway)
    await first.picture
    await doomed.kill()
    expect(await first.ended).toEqual({ code: 1013, reason: '512 guacd_lost' })
    const second = viewerOf(gateway)
    await second.picture
    second.close()
    await vi.waitFor(() => expect(gateway.closed.map(({ reason }) => reason)).toEqual(['gateway_lost', 'left']))
  })

  test('a guacd that hangs is given up, and the desktop opened by another one', async () => {
    // Takes connections and says nothing, as one whose fork holds a lock for ever.
    const hung = createServer((socket) => socket.on('error', () => undefined).resume())
    await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve))
    const { port } = hung.address() as AddressInfo
    const gateway = await gatewayWith({
      guacds: [{ host: '127.0.0.1', port }, guacd],
      more: { limits: { ...openingLimits, argsMs: 500 } },
    })
    const viewer = viewerOf(gateway)
    expect(await viewer.picture).toBeGreaterThan(500)
    viewer.close()
    await viewer.ended
    hung.close()
  })

  test('what is not there is told in words: no desktop, no guacd, nobody to watch, a recording that nobody agreed to', async () => {
    const away = { ...desk, port: 9 }
    const none = { host: '127.0.0.1', port: 9 }
    const recorded = { recording: { retentionDays: 3 } }
    const ends = await Promise.all(
      [
        viewerOf(await gatewayWith({ doors: { desk: away } })),
        viewerOf(await gatewayWith({ guacds: [none] })),
        viewerOf(await gatewayWith({ guacds: [] })),
        viewerOf(await gatewayWith({ spec: { protocol: 'ssh' } }), 'desk-view'),
        viewerOf(await gatewayWith({ spec: recorded })),
        viewerOf(await gatewayWith({ spec: recorded, more: { recordings: '/nowhere' } })),
        // Where nobody can write, not even guacd.
        viewerOf(
          await gatewayWith({ spec: recorded, more: { recordings: '/proc/nowhere' } }),
          'desk-control',
          '&recording=acknowledged',
        ),
      ].map(({ ended }) => ended),
    )
    expect(ends.map(({ code, reason }) => `${code} ${reason}`)).toEqual([
      '1011 519 desktop_unreachable',
      '1013 512 guacd_unreachable',
      '1013 797 guacd_busy',
      '1013 516 nobody_to_watch',
      '1011 512 recording_unavailable',
      '1008 771 recording_unacknowledged',
      '1011 512 recording_unavailable',
    ])
    expect(gateways.at(-7)?.reported).toEqual(['desktop unreachable'])
  })
})

describe('forty openings, ten at once', () => {
  test.each([
    ['with the gate', gateLimits.perGuacd],
    ['without it', 1_000],
  ])('%s', async (name, perGuacd) => {
    const fresh = await startGuacd()
    const desks = [desk, await startDesktop(), await startDesktop()]
    let again = 0
    const countAgain = (said: unknown) => {
      if (typeof said === 'object' && said !== null && 'failedTries' in said) again += Number(said.failedTries)
    }
    const gateway = await gatewayWith({
      guacds: [fresh],
      // Each its own session, so that none joins another.
      doors: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`o${index}`, desks[index % 3] ?? desk])),
      // Without the gate nothing is tried again either: what hangs is seen to hang.
      more: {
        gate: createGate([fresh], { ...gateLimits, perGuacd }),
        log: { info: countAgain, warn: () => undefined },
        ...(perGuacd > 2 ? { limits: { argsMs: 15_000, pictureMs: 15_000, tries: 1 } } : {}),
      },
    })
    const times: number[] = []
    const hung: string[] = []
    const openOne = async (index: number) => {
      const viewer = viewerOf(gateway, `o${index}-control`)
      await viewer.picture.then(
        (ms) => times.push(ms),
        (error: Error) => hung.push(error.message),
      )
      viewer.close()
      await viewer.ended
    }
    let next = 0
    const lane = async () => {
      while (next < 40) await openOne(next++)
    }
    await Promise.all(Array.from({ length: 10 }, lane))
    times.sort((one, other) => one - other)
    const at = (share: number) => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
    console.log(
      `40 openings ${name}: ${hung.length} hung, ${again} tried again, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`,
    )
    if (perGuacd === gateLimits.perGuacd) expect(hung).toEqual([])
    for (const other of desks.slice(1)) await other.stop()
    await fresh.kill()
  })
})
