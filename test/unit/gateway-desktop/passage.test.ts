import { describe, expect, test } from 'vitest'
import { permissionsOf } from '../../../domain/desktop-parameters.ts'
import type { DoorSpec } from '../../../domain/template.ts'
import { createFilter } from '../../../gateway/desktop/filter.ts'
import { encodeInstruction } from '../../../gateway/desktop/instructions.ts'
import { connectionParameters, joiningParameters } from '../../../gateway/desktop/parameters.ts'

const said = (opcode: string, ...args: string[]) => ({
  opcode,
  args,
  raw: Buffer.from(encodeInstruction(opcode, ...args)),
})
const everything = { copy: true, paste: true, upload: true, download: true }
const nothing = { copy: false, paste: false, upload: false, download: false }
const spec: DoorSpec = { protocol: 'vnc', port: 5901, modes: ['control', 'view'] }

describe('from the browser', () => {
  test('who only looks says nothing to the desktop, whatever the template allows', () => {
    const filter = createFilter('view', everything)
    const acts = [
      'key',
      'mouse',
      'touch',
      'size',
      'clipboard',
      'file',
      'put',
      'get',
      'blob',
      'end',
      'argv',
      'audio',
      'pipe',
      'connect',
      'select',
      '',
    ]
    expect(acts.map((opcode) => filter.up(said(opcode, '1', '1')))).toEqual(acts.map(() => 'drop'))
    expect(['sync', 'nop', 'ack', 'disconnect'].map((opcode) => filter.up(said(opcode, '1')))).toEqual(
      Array(4).fill('pass'),
    )
  })

  test('keys, mouse, touch and what is brought are input; what programs say is not', () => {
    const filter = createFilter('control', everything)
    for (const opcode of ['key', 'mouse', 'touch', 'clipboard', 'file', 'put', 'get'])
      expect(filter.up(said(opcode, '1', '2')), opcode).toBe('input')
    for (const opcode of ['sync', 'nop', 'ack', 'disconnect']) expect(filter.up(said(opcode, '1')), opcode).toBe('pass')
  })

  test('what a template does not allow is dropped with all that belongs to it', () => {
    const filter = createFilter('control', { ...nothing, upload: true })
    expect(filter.up(said('clipboard', '3', 'text/plain'))).toBe('drop')
    expect(filter.up(said('blob', '3', 'YQ=='))).toBe('drop')
    expect(filter.up(said('end', '3'))).toBe('drop')
    expect(filter.up(said('put', '0', '4', 'text/plain', '/a'))).toBe('input')
    expect(filter.up(said('blob', '4', 'YQ=='))).toBe('input')
    expect(filter.up(said('end', '4'))).toBe('input')
    expect(filter.up(said('blob', '4', 'YQ=='))).toBe('drop')
    expect(filter.up(said('get', '0', '/'))).toBe('drop')
  })

  test('nobody sets the desktop’s parameters or a size that fills its memory', () => {
    const filter = createFilter('control', everything)
    for (const opcode of ['argv', 'connect', 'select', 'audio', 'pipe', 'what'])
      expect(filter.up(said(opcode))).toBe('drop')
    expect(filter.up(said('size', '800', '600'))).toBe('pass')
    for (const side of ['0', '9999', '-1', '1e9', '']) expect(filter.up(said('size', side, '600')), side).toBe('drop')
    expect(filter.up(said('size', '800'))).toBe('pass')
  })
})

describe('from the desktop', () => {
  test('a clipboard that may not leave is refused, with its content', () => {
    const filter = createFilter('control', { ...everything, copy: false })
    expect(filter.down(said('clipboard', '5', 'text/plain'))).toEqual({
      pass: false,
      answer: '3.ack,1.5,9.FORBIDDEN,3.771;',
    })
    expect(filter.down(said('blob', '5', 'YQ=='))).toEqual({ pass: false })
    expect(filter.down(said('end', '5'))).toEqual({ pass: false })
    expect(filter.down(said('img', '5', '14', '0', 'image/png', '0', '0')).pass).toBe(true)
    expect(filter.down(said('blob', '5', 'YQ==')).pass).toBe(true)
  })

  test('who only looks sees the picture, and gets neither clipboard nor files', () => {
    const filter = createFilter('view', permissionsOf({ ...spec, files: { upload: true, download: true } }, 'view'))
    for (const opcode of ['clipboard', 'file', 'body', 'filesystem', 'pipe', 'argv', 'required'])
      expect(filter.down(said(opcode, '1', '1')).pass, opcode).toBe(false)
    for (const opcode of ['img', 'sync', 'size', 'copy', 'cfill', 'cursor', 'mouse', 'name', 'nop'])
      expect(filter.down(said(opcode, '7')).pass, opcode).toBe(true)
  })
})

describe('what guacd is told', () => {
  const sources = {
    protocol: 'vnc',
    spec,
    mode: 'control',
    target: { host: '10.0.0.5', port: 5901 },
    secret: 's3cret$&',
    recording: null,
  } as const

  test('address, secret and limits are ours; the template adds what it may', () => {
    const told = connectionParameters({ ...sources, spec: { ...spec, parameters: { 'color-depth': '16' } } })
    expect(Object.fromEntries(told)).toEqual({
      hostname: '10.0.0.5',
      port: '5901',
      password: 's3cret$&',
      'color-depth': '16',
      'read-only': 'false',
      'disable-copy': 'false',
      'disable-paste': 'false',
      'sftp-disable-upload': 'true',
      'sftp-disable-download': 'true',
    })
  })

  test('no template names another host, a path, or what it may not', () => {
    const parameters = {
      hostname: '169.254.169.254',
      port: '22',
      'read-only': 'false',
      'recording-path': '/etc',
      'drive-path': '/',
      'dest-host': 'x',
      'disable-copy': 'false',
      'enable-sftp': 'true',
      'sftp-hostname': 'x',
    }
    const told = connectionParameters({
      ...sources,
      mode: 'view',
      spec: { ...spec, parameters, clipboard: { copy: false, paste: true } },
    })
    expect(told.get('hostname')).toBe('10.0.0.5')
    expect(told.get('port')).toBe('5901')
    expect(told.get('read-only')).toBe('true')
    expect(told.get('disable-copy')).toBe('true')
    for (const name of ['recording-path', 'drive-path', 'dest-host', 'enable-sftp', 'sftp-hostname'])
      expect(told.has(name), name).toBe(false)
  })

  test('a password of the template takes the secret in, and goes alone without one', () => {
    const withParameter = (password: string, secret: string | null) =>
      connectionParameters({ ...sources, secret, spec: { ...spec, parameters: { password } } }).get('password')
    expect(withParameter('pre-{secret}', 'x')).toBe('pre-x')
    expect(withParameter('fixed', 'x')).toBe('fixed')
    expect(withParameter('{secret}', null)).toBe('')
    expect(connectionParameters({ ...sources, secret: null }).get('password')).toBe('')
  })

  test('files are a shell’s alone, and only for who may act', () => {
    const files = { upload: true, download: false }
    const shell = { ...sources, protocol: 'ssh', spec: { ...spec, protocol: 'ssh', files } } as const
    expect(connectionParameters(shell).get('enable-sftp')).toBe('true')
    expect(connectionParameters(shell).get('sftp-disable-download')).toBe('true')
    expect(connectionParameters({ ...shell, mode: 'view' }).has('enable-sftp')).toBe(false)
    expect(connectionParameters({ ...sources, spec: { ...spec, files } }).has('enable-sftp')).toBe(false)
  })

  test('one who joins is told of limits alone', () => {
    expect([...joiningParameters({ spec, mode: 'view' })].filter(([, value]) => value !== 'true')).toEqual([])
    expect(joiningParameters({ spec, mode: 'view' }).has('password')).toBe(false)
  })

  test('a recording is set only where there is one', () => {
    const told = connectionParameters({ ...sources, recording: { directory: '/recordings', name: 'r' } })
    expect([told.get('recording-path'), told.get('recording-name')]).toEqual(['/recordings', 'r'])
    expect(connectionParameters(sources).has('recording-path')).toBe(false)
  })
})
