import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { confinedArgv } from '../../ports/compute/process/confine.ts'
import { fillPlaceholders, launchScript, quote } from '../../ports/compute/process/launch.ts'
import { placesOf } from '../../ports/compute/process/places.ts'
import { nothing } from '../../domain/resources.ts'

const word = fc
  .string({ unit: 'binary', maxLength: 30 })
  .filter((s) => !s.includes('\0') && Buffer.from(s).toString() === s)

test('a quoted word reaches the command as it is', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const script = `printf '%s\\0' ${words.map(quote).join(' ')}`
      expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(words.map((w) => `${w}\0`).join(''))
    }),
    { numRuns: 60 },
  )
})

test('placeholders are filled once, with the values as they are; other braces stay', () => {
  const values = { port: '20001', home: '/h/{port}/$&', secretFile: '/s' }
  expect(fillPlaceholders(['--port={port}', '{home}', '{secretFile}{port}', '{x}', '{{port}}'], values)).toEqual([
    '--port=20001',
    '/h/{port}/$&',
    '/s20001',
    '{x}',
    '{20001}',
  ])
})

test('a caller’s variable cannot take the place of one of ours', () => {
  const script = launchScript({
    spec: { name: 'carrel-s1-1', environment: { HOME: '/root', CARREL_MARK: 'x', PATH: '/mine', PORT: '1' } },
    image: { environment: { PATH: '/theirs', A: '1' } },
    ports: [{ port: 8888, hostPort: 20_001 }],
    argv: ['/bin/true'],
    inside: { home: '/home/session', temporary: '/tmp', secret: '/s', launch: '/l' },
    address: '127.0.0.1',
    mark: 'm',
  })
  for (const pair of [
    'HOME=/home/session',
    'CARREL_MARK=m',
    'PATH=/mine',
    'PORT=20001',
    'A=1',
    'CARREL_PORT_8888=20001',
  ])
    expect(script).toContain(` '${pair}' `)
  expect(script).not.toContain('/theirs')
  expect(script).not.toContain('HOME=/root')
})

const confinement = {
  tools: { prlimit: '/prlimit', setpriv: '/setpriv', bwrap: '/bwrap', asRoot: true },
  places: placesOf('/state/instances/x'),
  runAs: { uid: 5, gid: 6, gids: [7, 8], exclusive: true },
  resources: { ...nothing, memoryMib: 512, diskMib: 0 },
  readable: ['/opt/tool'],
  hostname: 's1',
}

test('limits come first, then the sandbox, then the loss of every right, then what the caller chose', () => {
  const argv = confinedArgv(confinement)
  expect(argv[0]).toBe('/prlimit')
  expect(argv).toContain('--data=536870912')
  expect(argv.some((a) => a.startsWith('--fsize'))).toBe(false)
  const order = ['/prlimit', '/bwrap', '/setpriv', '/bin/sh'].map((tool) => argv.indexOf(tool))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(argv.slice(argv.indexOf('/setpriv'))).toEqual([
    ...[
      '/setpriv',
      '--reuid=5',
      '--regid=6',
      '--groups=7,8',
      '--no-new-privs',
      '--inh-caps=-all',
      '--bounding-set=-all',
      '--',
    ],
    ...['/bin/sh', '/run/carrel/launch'],
  ])
  expect(argv.join(' ')).toContain('--ro-bind-try /opt/tool /opt/tool')
})

test('tasks are limited only for a user who runs nothing else: the limit counts all of the user’s', () => {
  expect(confinedArgv(confinement)).toContain('--nproc=1024')
  const shared = { ...confinement, runAs: { ...confinement.runAs, exclusive: false } }
  expect(confinedArgv(shared)).not.toContain('--nproc=1024')
})

test('without root nobody is become, and without a sandbox the paths are the machine’s', () => {
  const tools = { ...confinement.tools, asRoot: false, bwrap: null }
  const argv = confinedArgv({ ...confinement, tools })
  expect(argv.slice(-5)).toEqual(['/setpriv', '--no-new-privs', '--', '/bin/sh', '/state/instances/x/launch'])
})
