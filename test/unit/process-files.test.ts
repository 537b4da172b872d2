import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lastLines } from '../../ports/compute/process/logs.ts'
import { keyOf } from '../../ports/compute/process/places.ts'
import { barredStep, unreachable } from '../../ports/compute/process/reach.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-files-'))
  chmodSync(directory, 0o755)
})
afterAll(() => rmSync(directory, { recursive: true }))

const file = (name: string, text: string | Buffer): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

test('the last lines are read over the segments, and what is missing counts as empty', async () => {
  const segments = [file('a', '1\n2\n'), file('b', '3\n4'), join(directory, 'absent')]
  expect(await lastLines(segments, 3)).toBe('2\n3\n4')
  expect(await lastLines(segments, 100)).toBe('1\n2\n3\n4')
  expect(await lastLines([join(directory, 'absent')], 5)).toBe('')
})

test('never more than 64 KiB, not even where every byte is a broken character', async () => {
  const broken = await lastLines([file('c', Buffer.alloc(200_000, 0xff))], 10)
  expect(Buffer.byteLength(broken)).toBeLessThanOrEqual(64 * 1_024)
  const long = await lastLines([file('d', `${'x'.repeat(200_000)}\nend\n`)], 10)
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(64 * 1_024)
  expect(long.endsWith('x\nend')).toBe(true)
})

test('a name that is no plain file name gets no directory; two deployments get two', () => {
  for (const name of ['../x', 'a/b', '', '.', 'A', '-x', 'x'.repeat(101)])
    expect(() => keyOf({ name, deploymentId: 'd' })).toThrow('name')
  expect(keyOf({ name: 'x', deploymentId: 'a' })).not.toBe(keyOf({ name: 'x', deploymentId: 'b' }))
})

test('a directory on the way that the user may not pass is named, behind a link too', () => {
  const closed = join(directory, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  const program = join(closed, 'program')
  writeFileSync(program, '', { mode: 0o755 })
  symlinkSync(program, join(directory, 'link'))
  const stranger = { uid: 123_456, gid: 123_456, gids: [] }
  expect(barredStep(program, stranger)).toBe(closed)
  expect(barredStep(join(directory, 'link'), stranger)).toBe(closed)
  expect(barredStep(program, { ...stranger, uid: process.getuid?.() ?? 0 })).toBeNull()
  expect(barredStep('/bin/sh', stranger)).toBeNull()
  chmodSync(closed, 0o755)
  chmodSync(program, 0o754)
  expect(barredStep(program, stranger)).toBe(program)
  chmodSync(program, 0o644)
  expect(barredStep(program, stranger)).toBeNull()
  chmodSync(program, 0o600)
  expect(barredStep(program, stranger)).toBe(program)
})

test('in the sandbox a program must be shown, and what its links lead to', () => {
  const user = { uid: 123_456, gid: 123_456, gids: [] }
  const sandbox = { bwrap: '/usr/bin/bwrap', asRoot: true }
  const program = join(directory, 'tool')
  writeFileSync(program, '', { mode: 0o755 })
  expect(unreachable('/bin/sh', [], user, sandbox)).toBeNull()
  expect(unreachable(program, [], user, sandbox)).toContain('readable')
  expect(unreachable(program, [directory], user, sandbox)).toBeNull()
  expect(unreachable(join(directory, 'none'), [directory], user, sandbox)).toContain('not there')
  expect(unreachable(directory, [], user, sandbox)).toContain('not a file')
})

test('the settings are closed, and have their defaults', () => {
  const settings = { stateDirectory: '/var/lib/carrel', images: { a: { command: ['/bin/true'] } } }
  expect(processSettings.parse(settings)).toMatchObject({
    address: '127.0.0.1',
    bwrap: 'auto',
    images: { a: { anyCommand: false, readable: [], environment: {} } },
  })
  for (const wrong of [
    { ...settings, more: 1 },
    { ...settings, stateDirectory: 'relative' },
    { ...settings, images: { a: { command: [] } } },
    { ...settings, images: { a: { command: ['x'], environment: { 'A B': '1' } } } },
    { ...settings, ports: { first: 3_000, last: 2_000 } },
    { ...settings, users: { first: 0, count: 1 } },
  ])
    expect(processSettings.safeParse(wrong).success).toBe(false)
})
