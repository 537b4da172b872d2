import { expect, test } from 'vitest'
import { subnet } from '../../../ports/compute/docker/addresses.ts'
import { addressList } from '../../../ports/compute/networks.ts'
import { buildProgress } from '../../../ports/compute/docker/build.ts'
import { demultiplexed } from '../../../ports/compute/docker/logs.ts'
import { bridgeName, namesOf } from '../../../ports/compute/docker/names.ts'
import { afterLine, pullProgress } from '../../../ports/compute/docker/pull.ts'
import type { PullLine } from '../../../ports/compute/docker/pull.ts'
import { containerShape } from '../../../ports/compute/docker/shapes.ts'
import { instanceState } from '../../../ports/compute/docker/states.ts'
import { firstFile, tar } from '../../../ports/compute/docker/tar.ts'
import { passwdEntry } from '../../../ports/compute/docker/user.ts'

const inspected = (state: object, ports: object = {}, bindings: object = {}) =>
  containerShape.parse({
    Id: 'c1',
    Config: { Labels: null },
    HostConfig: { PortBindings: bindings },
    State: state,
    NetworkSettings: { Ports: ports },
  })
const asked = { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] }
const loopback = ['127.0.0.0/8']

test.each([
  ['created', 'pending'],
  ['restarting', 'pending'],
  ['running', 'running'],
  ['paused', 'paused'],
  ['exited', 'exited'],
  ['dead', 'exited'],
  ['removing', 'unknown'],
  ['a word of tomorrow', 'unknown'],
])('a container that is %s is %s', (Status, kind) => {
  expect(instanceState(inspected({ Status }), loopback).kind).toBe(kind)
})

test('an exit keeps its code, and a memory kill is told from it', () => {
  expect(instanceState(inspected({ Status: 'exited', ExitCode: 137, OOMKilled: true }), loopback)).toEqual({
    kind: 'exited',
    exitCode: 137,
    outOfMemory: true,
  })
  expect(instanceState(inspected({ Status: 'exited', ExitCode: 0, OOMKilled: true }), loopback)).toMatchObject({
    outOfMemory: false,
  })
})

test('a status that is in no table is said, so that somebody is told of it', () => {
  const word = 'a word of tomorrow'
  expect(instanceState(inspected({ Status: word }), loopback)).toMatchObject({ kind: 'unknown', unnamed: word })
  expect(instanceState(inspected({ Status: 'removing' }), loopback)).not.toHaveProperty('unnamed')
})

test('it runs once its ports are published where they may be, and is unknown where they may not', () => {
  const at = (HostIp: string) =>
    inspected({ Status: 'running' }, { '8080/tcp': [{ HostIp, HostPort: '32768' }] }, asked)
  expect(instanceState(inspected({ Status: 'running' }, { '8080/tcp': null }, asked), loopback).kind).toBe('pending')
  expect(instanceState(at('127.0.0.1'), loopback)).toEqual({
    kind: 'running',
    endpoints: [{ port: 8080, host: '127.0.0.1', hostPort: 32_768 }],
  })
  for (const elsewhere of ['0.0.0.0', '192.0.2.7', '', 'example.org'])
    expect(instanceState(at(elsewhere), loopback).kind).toBe('unknown')
})

test('two deployments share no name, and a bridge’s name fits and says its class and policy', () => {
  const [ours, theirs] = ['d1', 'd2'].map((deploymentId) => namesOf({ name: 'carrel-s1-1', deploymentId }))
  expect(ours?.object).toMatch(/^carrel-s1-1\.[0-9a-f]{6}$/)
  expect(ours?.object).not.toBe(theirs?.object)
  expect(ours && bridgeName('internet', '0123456789', ours)).toMatch(/^ci01234[0-9a-f]{8}$/)
  for (const name of ['', '../x', 'a b', 'A', 'x'.repeat(101)])
    expect(() => namesOf({ name, deploymentId: 'd1' })).toThrow(TypeError)
})

test('subnets are counted through the pool and around its end', () => {
  expect(subnet('198.18.0.0/16', 29, 0)).toBe('198.18.0.0/29')
  expect(subnet('198.18.0.0/16', 29, 8191)).toBe('198.18.255.248/29')
  expect(subnet('198.18.0.0/16', 29, 8192 + 33)).toBe('198.18.1.8/29')
  expect(subnet('10.1.2.3/29', 29, 7)).toBe('10.1.2.0/29')
})

test('an address lies in a network or does not, and what is no address never does', () => {
  const inside = addressList(['10.0.0.0/8', 'fd00::/8'])
  expect(['10.255.0.1', 'fd00::1'].map(inside)).toEqual([true, true])
  expect(['11.0.0.1', 'fe80::1', 'localhost', ''].map(inside)).toEqual([false, false, false, false])
  for (const none of ['127.0.0.1', '10.0.0.0/', '10.0.0.0/x', 'example.org/8', '10.0.0.0/64'])
    expect(() => addressList([none]), none).toThrow()
})

test('a pull tells its layer and a share that never falls', () => {
  const lines: PullLine[] = [
    { status: 'Pulling from library/debian', id: 'bookworm' },
    { status: 'Pulling fs layer', id: 'a' },
    { status: 'Already exists', id: 'b' },
    { status: 'Downloading', id: 'a', progressDetail: { current: 50, total: 100 } },
    { status: 'Extracting', id: 'a', progressDetail: { current: 50, total: 100 } },
    { status: 'Downloading', id: 'a', progressDetail: { current: 10, total: 100 } },
    { status: 'Pull complete', id: 'a' },
  ]
  let layers: ReadonlyMap<string, number> = new Map()
  const told = lines.map((line) => pullProgress((layers = afterLine(layers, line))))
  expect(told.map((p) => p?.percent)).toEqual([undefined, 0, 50, 62, 87, 87, 100])
  expect(told.map((p) => p?.message)).toEqual([
    undefined,
    'Pulling layer 1 of 1',
    ...Array.from({ length: 5 }, () => 'Pulling layer 2 of 2'),
  ])
})

test('a build tells its steps', () => {
  expect(buildProgress('Step 3/4 : RUN true')).toEqual({ message: 'Building the image, step 3 of 4', percent: 50 })
  expect(buildProgress(' ---> Running in 0123')).toBeNull()
})

test('an archive gives back what went in, with its owner and mode', () => {
  const content = Buffer.from('s'.repeat(700))
  const archive = tar([
    { path: 'run/carrel', content: null, mode: 0o755 },
    { path: 'run/carrel/secret', content, mode: 0o400, uid: 70_000, gid: 1000 },
  ])
  expect(archive.length % 512).toBe(0)
  expect(firstFile(archive)?.equals(content)).toBe(true)
  expect(archive.toString('latin1', 512 + 100, 512 + 123)).toBe('0000400\x000210560\x000001750')
  expect(firstFile(tar([]))).toBeNull()
  expect(() => tar([{ path: 'x'.repeat(101), content: null, mode: 0 }])).toThrow(RangeError)
})

test('a user’s name is what the image’s passwd says first', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nada:x:1001:100::/:/bin/sh\nada:x:0:0::/:/bin/sh\nbad:x:no:0::/:\n'
  expect(passwdEntry(passwd, 'ada')).toEqual({ uid: 1001, gid: 100 })
  expect(passwdEntry(passwd, 'bad')).toBeNull()
  expect(passwdEntry(passwd, 'eve')).toBeNull()
})

test('what the runtime would read as root is never taken for somebody else', () => {
  for (const uid of ['1e3', '0x3e8', ' 1000', '1000.0', '', '-1'])
    expect(passwdEntry(`ada:x:${uid}:100::/:\n`, 'ada'), uid).toBeNull()
  expect(passwdEntry('ada:x:1001:1e2::/:\n', 'ada')).toBeNull()
  expect(passwdEntry(' ada:x:0:0::/:\nada:x:1001:100::/:\n', 'ada')).toEqual({ uid: 0, gid: 0 })
})

test('log frames are taken apart, also where the last one is cut', () => {
  const frame = (text: string) => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)])
  const raw = Buffer.concat([frame('one\n'), frame('two\n')])
  expect(demultiplexed(raw).toString()).toBe('one\ntwo\n')
  expect(demultiplexed(raw.subarray(0, -2)).toString()).toBe('one\ntw')
})
