import { copyFile, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import type { DoorMode, DoorSpec } from '../../domain/template.ts'
import { builtIn } from '../../stack/built-in.ts'
import { enterDoor } from '../support/doors/enter.ts'
import { showsSomething } from '../support/guacd/picture.ts'
import { startDesktopSite } from '../support/guacd/site.ts'
import type { DesktopSite, Person } from '../support/guacd/site.ts'
import { startGuacd } from '../support/guacd/start.ts'
import type { Guacd } from '../support/guacd/start.ts'
import { openViewer } from '../support/guacd/viewer.ts'
import type { Viewer } from '../support/guacd/viewer.ts'
import { docker, inside } from './docker-harness.ts'

const image = { tag: 'carrel-test-desktop-peers:1', context: 'test/docker/desktop', mayBeRoot: true }
const ssh = {
  protocol: 'ssh',
  port: 22,
  modes: ['control', 'view'],
  parameters: { username: 'desk', 'color-scheme': 'white-black' },
  files: { upload: true, download: true },
} as const satisfies DoorSpec
const doors: Readonly<Record<string, DoorSpec>> = {
  shell: ssh,
  // The same shell, recorded.
  kept: { ...ssh, recording: { retentionDays: 30 } },
  // The same shell by another password than its own.
  stranger: { ...ssh, parameters: { ...ssh.parameters, password: 'another' } },
  desk: {
    protocol: 'rdp',
    port: 3389,
    modes: ['control', 'view'],
    parameters: { username: 'desk', 'ignore-cert': 'true', security: 'any', 'disable-audio': 'true' },
  },
}

let guacd: Guacd
let desktops: DesktopSite
let id: SessionId
let guest: Person
let recordings: string

/** Comes in through api and gateway, by a ticket of one's own. */
async function enter(who: Person, door: string, mode: DoorMode, query = ''): Promise<Viewer> {
  const { headers } = await enterDoor(desktops.port, await desktops.open(id, who, door, mode))
  return openViewer({ origin: `localhost:${desktops.port}`, host: '', query, headers, pictureLimitMs: 60_000 })
}
const owner = async (door: string, query = '') => await enter(desktops.site.user, door, 'control', query)
const look = async (door: string) => await enter(guest, door, 'view')

/** What stands in a file of the instance; empty where there is none. */
async function fileOf(name: string): Promise<string> {
  const label = [`carrel.deployment=${desktops.site.deploymentId}`]
  const [container] = await docker.listContainers({ filters: { label } })
  if (container === undefined) throw new Error('there is no container')
  return await inside(container.Id, ['sh', '-c', `cat '${name}' 2>/dev/null`])
}
const soon = async (claim: () => Promise<void> | void) => await vi.waitFor(claim, { timeout: 60_000, interval: 200 })
const written = async (name: string, text: string) => await soon(async () => expect(await fileOf(name)).toContain(text))

beforeAll(async () => {
  recordings = await mkdtemp(join(tmpdir(), 'carrel-recordings-'))
  guacd = await startGuacd()
  desktops = await startDesktopSite({
    guacd,
    variables: { CARREL_GUACD_RECORDINGS: recordings },
    images: [image],
    templates: [
      {
        name: 'peers',
        spec: {
          ...builtIn,
          title: 'Peers',
          description: 'sshd and xrdp, as Debian has them.',
          provider: { kind: 'docker' },
          image: image.tag,
          // Both let people in by their system's accounts, and become them.
          capabilities: ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'SETGID', 'SETUID', 'SYS_CHROOT'],
          egress: 'none',
          doors,
          readiness: { kind: 'tcp', port: 3389 },
          sharing: 'members',
        },
      },
    ],
  })
  ;[id, guest] = await Promise.all([desktops.start('peers'), desktops.colleague()])
  await desktops.ready(id)
  const path = `/v1/sessions/${id}/collaborators/${guest.accountId}`
  await desktops.call(desktops.site.user, 'PUT', path, { mode: 'view' })
}, 12 * 60_000)
afterAll(async () => {
  await desktops?.close()
  await guacd?.kill()
  if (recordings !== undefined) await rm(recordings, { recursive: true, force: true })
}, 5 * 60_000)

describe('a shell through api, gateway, guacd and sshd', () => {
  test('shows itself, gives back what is typed, is seen by who joins, and takes files', async () => {
    expect(await (await look('shell')).ended).toEqual({ code: 1013, reason: '516 nobody_to_watch' })

    const first = await owner('shell')
    await first.picture
    await soon(() => expect(first.drawn().some(showsSomething)).toBe(true))
    first.type('clear; echo back-$((6*7))\n')
    await soon(() => {
      // Marked with the mouse from the first letter on: what a terminal marks is on the clipboard.
      first.say('mouse', 1, 1, 0)
      first.say('mouse', 1, 1, 1)
      first.say('mouse', 400, 40, 1)
      first.say('mouse', 400, 40, 0)
      expect(first.copied()).toContain('back-42')
    })

    const second = await look('shell')
    await second.picture
    second.type('echo guest > /tmp/guest\n')
    first.type('echo owner > /tmp/shell\n')
    await written('/tmp/shell', 'owner\n')
    expect(await fileOf('/tmp/guest')).toBe('')
    expect([first.count('filesystem') > 0, second.count('filesystem')]).toEqual([true, 0])
    expect(second.count('clipboard')).toBe(0)

    first.say('put', 0, 7, 'text/plain', '/tmp/brought 😀.txt')
    await soon(() => expect(first.count('ack')).toBeGreaterThan(0))
    first.say('blob', 7, Buffer.from('what was brought').toString('base64'))
    first.say('end', 7)
    await written('/tmp/brought 😀.txt', 'what was brought')
    for (const viewer of [first, second]) viewer.close()
  })

  test('does not open with another password, and says so', async () => {
    expect(await (await owner('stranger')).ended).toEqual({ code: 1011, reason: '769 credentials_refused' })
  })
})

describe('a recording', () => {
  test('is told of before, agreed to, and written; what is not to be recorded is not', async () => {
    const { items } = await desktops.call(desktops.site.user, 'GET', `/v1/sessions/${id}/connections`)
    expect(items).toMatchObject([
      { name: 'desk', recording: null },
      { name: 'kept', recording: { retentionDays: 30 } },
      { name: 'shell', recording: null },
      { name: 'stranger', recording: null },
    ])
    expect(await (await owner('kept')).ended).toEqual({ code: 1008, reason: '771 recording_unacknowledged' })
    // Shells were open before this, and none of them was recorded.
    expect(await readdir(recordings)).toEqual([])

    const viewer = await owner('kept', '&recording=acknowledged')
    await viewer.picture
    viewer.type('echo kept-$((6*7))\n')
    await soon(async () => expect(await readdir(recordings)).toHaveLength(1))
    const [name = ''] = await readdir(recordings)
    expect(name).toMatch(new RegExp(`^carrel-${id}-kept-\\d+-30d-[0-9a-f]{8}$`))
    viewer.close()
    // As guacenc reads it: pictures, and the moments that they belong to.
    await soon(async () => expect(await readFile(join(recordings, name), 'utf8')).toMatch(/3\.img,.*4\.sync,/s))
  })

  test('is removed when its time is over, by whichever gateway looks', async () => {
    const [name = ''] = await readdir(recordings)
    const begunDaysAgo = (days: number) => name.replace(/-\d{13}-/, `-${Date.now() - days * 24 * 60 * 60 * 1_000}-`)
    const [young, old] = [begunDaysAgo(29), begunDaysAgo(31)]
    await copyFile(join(recordings, name), join(recordings, young))
    await rename(join(recordings, name), join(recordings, old))
    await desktops.startGateway()
    await soon(async () => expect(await readdir(recordings)).toEqual([young]))
  })
})

describe('a desktop through api, gateway, guacd and xrdp', () => {
  test('shows itself, is typed into by who may, and seen by who joins', async () => {
    const first = await owner('desk')
    await first.picture
    await soon(() => expect(first.drawn().some(showsSomething)).toBe(true))
    const second = await look('desk')
    await second.picture
    await soon(async () => {
      first.type('by rdp\n')
      expect(await fileOf('/tmp/rdp')).toContain('by rdp\n')
    })
    second.type('guest\n')
    first.type('after\n')
    await written('/tmp/rdp', 'after\n')
    expect(await fileOf('/tmp/rdp')).not.toContain('guest')
    expect(second.drawn().length).toBeGreaterThan(0)

    await desktops.call(desktops.site.user, 'DELETE', `/v1/sessions/${id}`)
    expect(await first.ended).toEqual({ code: 1000, reason: '523 ended' })
    expect(await second.ended).toEqual({ code: 1000, reason: '523 ended' })
  })
})
