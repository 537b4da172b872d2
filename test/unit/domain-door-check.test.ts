import { describe, expect, test } from 'vitest'
import { TemplateSpecSchema } from '../../api/templates/spec.ts'
import { templateFaults } from '../../domain/template-check.ts'
import type { DoorSpec } from '../../domain/template.ts'
import { plainTemplate } from '../setup/template.ts'

const web: DoorSpec = { protocol: 'http', port: 8888, modes: ['control'] }
const vnc: DoorSpec = { protocol: 'vnc', port: 8888, modes: ['control', 'view'] }

const faultsOf = (door: DoorSpec): string[] =>
  templateFaults({ ...plainTemplate, doors: { d: door } }).map(({ pointer }) => pointer)
const issuesOf = (door: unknown): string[] =>
  TemplateSpecSchema.safeParse({ ...plainTemplate, doors: { d: door } }).error?.issues.map((i) => i.path.join('/')) ??
  []

describe('a door that fits together', () => {
  test.each<[string, DoorSpec]>([
    ['a web door', web],
    [
      'a web door that can be looked at',
      { ...web, modes: ['view', 'control'], readOnly: { port: 8889, path: '/see' } },
    ],
    ['a web door with a secret', { ...web, secret: { header: 'Authorization', value: 'token {secret}' } }],
    ['a desktop in both modes', vnc],
    [
      'a desktop with all that it may have',
      {
        ...vnc,
        parameters: { password: '{secret}', 'color-depth': '24' },
        clipboard: { copy: true, paste: false },
        files: { upload: false, download: false },
        recording: { retentionDays: 30 },
      },
    ],
    ['a terminal', { ...vnc, protocol: 'ssh', parameters: { username: 'me', 'font-size': '14' } }],
    ['files through a terminal', { ...vnc, protocol: 'ssh', files: { upload: true, download: true } }],
    ['another desktop', { ...vnc, protocol: 'rdp', parameters: { username: 'me', security: 'nla' } }],
  ])('%s', (_, door) => {
    expect(faultsOf(door)).toEqual([])
    const parsed = TemplateSpecSchema.parse({ ...plainTemplate, sharing: 'members', doors: { d: door } })
    expect(parsed.doors['d']).toStrictEqual(door)
    expect(parsed.sharing).toBe('members')
  })

  test('nobody may share where the template says nothing', () =>
    expect(TemplateSpecSchema.parse(plainTemplate)).not.toHaveProperty('sharing'))
})

test('who promises files through another door than ssh is told what to do', () => {
  const doors = { d: { ...vnc, files: { upload: true, download: true } } }
  expect(templateFaults({ ...plainTemplate, doors })).toEqual([
    {
      pointer: '/doors/d/files',
      message: 'Files pass through ssh doors only, not vnc: leave this out, or say false to both.',
    },
  ])
})

describe('a door that does not', () => {
  test.each<[string, DoorSpec, string]>([
    ['looking only at a web door', { ...web, modes: ['control', 'view'] }, '/doors/d/modes'],
    ['a place to look at that nobody may look at', { ...web, readOnly: { port: 1 } }, '/doors/d/readOnly'],
    [
      'looking only at the port of control',
      { ...web, modes: ['view'], readOnly: { port: 8888 } },
      '/doors/d/readOnly/port',
    ],
    ['a secret that is none', { ...web, secret: { header: 'authorization', value: 'token' } }, '/doors/d/secret/value'],
    ['a secret in the cookies', { ...web, secret: { header: 'Cookie', value: '{secret}' } }, '/doors/d/secret/header'],
    [
      'a secret in a header of browsers',
      { ...web, secret: { header: 'sec-x', value: '{secret}' } },
      '/doors/d/secret/header',
    ],
    ['what is said to a desktop, on the web', { ...web, parameters: {} }, '/doors/d/parameters'],
    ['a recording of the web', { ...web, recording: { retentionDays: 1 } }, '/doors/d/recording'],
    [
      'files through VNC, which has no way for them',
      { ...vnc, files: { upload: true, download: false } },
      '/doors/d/files',
    ],
    ['files through RDP', { ...vnc, protocol: 'rdp', files: { upload: false, download: true } }, '/doors/d/files'],
    ['a path of a desktop', { ...vnc, path: '/' }, '/doors/d/path'],
    ['a header to a desktop', { ...vnc, secret: { header: 'x', value: '{secret}' } }, '/doors/d/secret'],
    ['another host', { ...vnc, parameters: { hostname: 'db.internal' } }, '/doors/d/parameters/hostname'],
    ['another port', { ...vnc, parameters: { port: '22' } }, '/doors/d/parameters/port'],
    ['a repeater', { ...vnc, parameters: { 'dest-host': 'x' } }, '/doors/d/parameters/dest-host'],
    [
      'a path on the gateway',
      { ...vnc, parameters: { 'recording-path': '/etc' } },
      '/doors/d/parameters/recording-path',
    ],
    ['a file server', { ...vnc, parameters: { 'sftp-hostname': 'x' } }, '/doors/d/parameters/sftp-hostname'],
    ['a parameter of another protocol', { ...vnc, parameters: { domain: 'x' } }, '/doors/d/parameters/domain'],
    [
      'the mode, which is the gateway\u2019s',
      { ...vnc, parameters: { 'read-only': 'false' } },
      '/doors/d/parameters/read-only',
    ],
    [
      'a token of the other side',
      { ...vnc, parameters: { username: '${GUAC_USERNAME}' } },
      '/doors/d/parameters/username',
    ],
    ['the secret in the clear', { ...vnc, parameters: { username: '{secret}' } }, '/doors/d/parameters/username'],
  ])('%s', (_, door, pointer) => {
    expect(faultsOf(door)).toEqual([pointer])
    expect(issuesOf(door)).toEqual([pointer.slice(1)])
  })

  test.each([
    [
      'a header with a line break',
      { ...web, secret: { header: 'x', value: 'a{secret}\r\nb: c' } },
      'doors/d/secret/value',
    ],
    ['a name that is no header', { ...web, secret: { header: 'x:y', value: '{secret}' } }, 'doors/d/secret/header'],
    ['a parameter of two lines', { ...vnc, parameters: { username: 'a\nb' } }, 'doors/d/parameters/username'],
    ['a field that is not known', { ...vnc, host: 'x' }, 'doors/d'],
  ])('%s', (_, door, path) => expect(issuesOf(door)).toEqual([path]))
})
