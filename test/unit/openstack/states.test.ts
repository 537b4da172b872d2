import { expect, test } from 'vitest'
import { reasonOf, serverState } from '../../../ports/compute/openstack/states.ts'
import type { Server } from '../../../ports/compute/openstack/shapes.ts'

const networks = ['10.0.0.0/16', '203.0.113.0/24']
const fixed = { addr: '10.0.1.2', version: 4, 'OS-EXT-IPS:type': 'fixed' }
const floating = { addr: '203.0.113.9', version: 4, 'OS-EXT-IPS:type': 'floating' }
const server = (more: Partial<Server> = {}): Server => ({
  id: 's1',
  status: 'ACTIVE',
  created: '2026-01-01T00:00:00Z',
  metadata: { 'carrel.ports': '8080,5901' },
  addresses: { inside: [fixed] },
  'OS-EXT-STS:task_state': '',
  'OS-SRV-USG:launched_at': '',
  ...more,
})
const task = (name: string) => ({ 'OS-EXT-STS:task_state': name })

test('an active server with an address runs, each port where the template has it', () => {
  expect(serverState(server(), networks)).toEqual({
    kind: 'running',
    endpoints: [
      { port: 8080, host: '10.0.1.2', hostPort: 8080 },
      { port: 5901, host: '10.0.1.2', hostPort: 5901 },
    ],
  })
})

test('one that reports its ports has a host and no endpoints', () => {
  const state = serverState(server({ metadata: { 'carrel.ports': 'reported' } }), networks)
  expect(state).toEqual({ kind: 'running', endpoints: [], host: '10.0.1.2' })
})

test('where a floating address is meant nothing else counts', () => {
  const metadata = { 'carrel.ports': '8080', 'carrel.address': 'floating' }
  expect(serverState(server({ metadata }), networks)).toMatchObject({ kind: 'pending' })
  const both = serverState(server({ metadata, addresses: { inside: [fixed, floating] } }), networks)
  expect(both).toMatchObject({ kind: 'running', endpoints: [{ host: '203.0.113.9' }] })
})

test('active without an address is not there yet, and one outside the networks is not believed', () => {
  expect(serverState(server({ addresses: {} }), networks)).toMatchObject({ kind: 'pending' })
  const outside = server({ addresses: { inside: [{ ...fixed, addr: '169.254.169.254' }] } })
  expect(serverState(outside, networks)).toMatchObject({ kind: 'unknown' })
})

test.each([
  [{ status: 'BUILD', ...task('scheduling') }, 'pending'],
  [{ status: 'BUILD' }, 'pending'],
  [{ status: 'ACTIVE', ...task('deleting') }, 'pending'],
  [{ status: 'ACTIVE', ...task('shelving_image_uploading') }, 'pending'],
  [{ status: 'ACTIVE', ...task('image_snapshot') }, 'running'],
  [{ status: 'REBOOT', ...task('reboot_started') }, 'running'],
  [{ status: 'MIGRATING', ...task('migrating') }, 'running'],
  [{ status: 'SHELVED' }, 'paused'],
  [{ status: 'SHELVED_OFFLOADED' }, 'paused'],
  [{ status: 'SHELVED', ...task('shelving_offloading') }, 'paused'],
  [{ status: 'SHELVED_OFFLOADED', ...task('unshelving') }, 'pending'],
  [{ status: 'SHELVED_OFFLOADED', ...task('spawning') }, 'pending'],
  [{ status: 'PAUSED' }, 'paused'],
  [{ status: 'SUSPENDED' }, 'paused'],
  [{ status: 'SHUTOFF' }, 'exited'],
  [{ status: 'SHUTOFF', ...task('powering-on') }, 'pending'],
  [{ status: 'DELETED' }, 'absent'],
  [{ status: 'SOFT_DELETED' }, 'unknown'],
  [{ status: 'RESCUE' }, 'unknown'],
  [{ status: 'UNKNOWN' }, 'unknown'],
] as const)('%j is %s', (more, kind) => {
  expect(serverState(server(more), networks).kind).toBe(kind)
})

test('a status that is not in the table is unknown, and says its name so that it is counted', () => {
  expect(serverState(server({ status: 'TELEPORTING' }), networks)).toMatchObject({
    kind: 'unknown',
    unnamed: 'TELEPORTING',
  })
})

test('an error shows its fault to operators, and no more of it than fits', () => {
  const fault = { message: 'No valid host was found. ' }
  expect(serverState(server({ status: 'ERROR', fault }), networks)).toEqual({
    kind: 'exited',
    exitCode: null,
    outOfMemory: false,
    reason: 'unschedulable',
    detail: 'nova: No valid host was found.',
  })
  const long = serverState(server({ status: 'ERROR', fault: { message: 'x'.repeat(9_000) } }), networks)
  expect(long.kind === 'exited' && long.detail?.length).toBe(500)
})

test('an error without its fault says no reason: a list may keep silent about it', () => {
  expect(serverState(server({ status: 'ERROR' }), networks)).toEqual({
    kind: 'exited',
    exitCode: null,
    outOfMemory: false,
  })
  expect(serverState(server({ status: 'ERROR', fault: { message: '' } }), networks)).toMatchObject({
    reason: 'start_failed',
  })
})

test.each([
  ['No valid host was found. There are not enough hosts available.', false, 'unschedulable'],
  ['No valid host was found. Exceeded max scheduling attempts 3 for instance a', false, 'start_failed'],
  ['Exceeded maximum number of retries. Exhausted all hosts available for retrying', false, 'start_failed'],
  ['Build of instance a aborted: Image b could not be found.', false, 'image_missing'],
  ['Quota exceeded for gigabytes', false, 'backend_quota'],
  ['Project a is over a limit for [Resource class:VCPU is over limit of 8]', false, 'backend_quota'],
  ['Build of instance a aborted: no reason', false, 'start_failed'],
  ['', false, 'start_failed'],
  ['Failed to power off instance', true, 'node_failed'],
] as const)('%j, having run: %s, is %s', (words, ran, reason) => {
  expect(reasonOf(words, ran)).toBe(reason)
})
