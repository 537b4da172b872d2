import { describe, expect, test } from 'vitest'
import { instanceState } from '../../../ports/compute/kubernetes/instance-state.ts'
import type { Stage } from '../../../ports/compute/kubernetes/names.ts'
import { podShape } from '../../../ports/compute/kubernetes/shapes.ts'
import { readPod } from '../../../ports/compute/kubernetes/states.ts'
import { settingsWith } from './ground.ts'

const placedAt = '2026-11-22T10:00:00Z'
const placed = { type: 'PodScheduled', status: 'True', lastTransitionTime: placedAt }
const notPlaced = (reason: string, message = '') => ({ ...placed, status: 'False', reason, message })
const ready = { type: 'Ready', status: 'True' }

interface Shown {
  readonly phase?: string
  readonly reason?: string
  readonly conditions?: readonly object[]
  readonly state?: object
  /** Of a container that the cluster put beside it. */
  readonly beside?: object
  readonly leaving?: true
  readonly podIP?: string
  readonly stage?: Stage
}

/** Asked for at `placedAt`. */
const going = { deletionTimestamp: '2026-11-22T10:00:10Z', deletionGracePeriodSeconds: 10 }

/** As the cluster answers, trimmed to what is read. */
function podOf({ phase = 'Pending', reason, conditions = [placed], state, beside, leaving, podIP }: Shown) {
  const containers = [
    ...(beside === undefined ? [] : [{ name: 'of-the-cluster', state: beside }]),
    ...(state === undefined ? [] : [{ name: 'session', state }]),
  ]
  return podShape.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u', ...(leaving === true ? going : {}) },
    spec: {
      terminationGracePeriodSeconds: 10,
      containers: [
        { name: 'session', ports: [{ containerPort: 8080, protocol: 'TCP' }] },
        { name: 'of-the-cluster', ports: [{ containerPort: 15_090, protocol: 'TCP' }] },
      ],
    },
    status: {
      phase,
      conditions,
      ...(reason === undefined ? {} : { reason }),
      ...(podIP === undefined ? {} : { podIP }),
      ...(containers.length === 0 ? {} : { containerStatuses: containers }),
    },
  })
}

function stateOf(shown: Shown, secondsLater = 0, networks = ['10.251.0.0/20']) {
  const ground = { settings: settingsWith(), networks, now: Date.parse(placedAt) + secondsLater * 1_000 }
  const found = { pod: podOf(shown), service: null, stage: shown.stage ?? 'made' }
  return instanceState(readPod(found.pod, found.stage, ground.now), found, ground)
}
const waiting = (reason: string, message = '') => ({ waiting: { reason, message } })
const terminated = (exitCode: number, reason: string, message = '', finishedAt = '2026-11-22T09:00:00Z') => ({
  terminated: { exitCode, reason, message, finishedAt },
})

describe('a Pod that is on its way', () => {
  test.each<[string, Shown]>([
    ['nobody has placed it yet', { conditions: [] }],
    ['no machine has room for it yet', { conditions: [notPlaced('Unschedulable', '0/4 nodes are available')] }],
    ['the cluster holds it back', { conditions: [notPlaced('SchedulingGated')] }],
    ['whoever places it failed, and tries again', { conditions: [notPlaced('SchedulerError')] }],
    ['it is placed, and nothing is known of its container', {}],
    ['its container is being made', { state: waiting('ContainerCreating') }],
    ['its image could not be fetched at first', { state: waiting('ErrImagePull', 'not found') }],
    ['its container runs, and the cluster has not noticed', { phase: 'Running', state: { running: {} } }],
    [
      'it runs and is not ready',
      {
        phase: 'Running',
        state: { running: {} },
        conditions: [placed, { type: 'Ready', status: 'False', reason: 'ContainersNotReady' }],
      },
    ],
    [
      'it runs, and what else its cluster waits for is not there',
      {
        phase: 'Running',
        state: { running: {} },
        conditions: [placed, { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady' }],
      },
    ],
    ['its container ended, and how is not told yet', { phase: 'Running', state: terminated(0, 'Completed') }],
    ['it is being paused, and ended for that', { phase: 'Succeeded', leaving: true, stage: 'pausing' }],
  ])('%s: pending', (_, shown) => {
    expect(stateOf(shown)).toMatchObject({ kind: 'pending', reason: expect.stringMatching(/./) })
  })
})

describe('a Pod that never will run', () => {
  test.each<[string, Shown, number, string]>([
    ['its image cannot be fetched for long', { state: waiting('ImagePullBackOff') }, 20, 'image_missing'],
    ['its image has no such name', { state: waiting('InvalidImageName') }, 0, 'image_missing'],
    ['its image may not be fetched', { state: waiting('ErrImageNeverPull') }, 0, 'image_missing'],
    ['no machine has room for it for long', { conditions: [notPlaced('Unschedulable')] }, 61, 'unschedulable'],
    ['it is configured wrongly', { state: waiting('CreateContainerConfigError') }, 20, 'start_failed'],
    ['its program cannot be run', { phase: 'Running', state: waiting('RunContainerError') }, 0, 'start_failed'],
    ['its program was not found', { phase: 'Failed', state: terminated(128, 'StartError') }, 0, 'start_failed'],
    ['the machine refused it', { phase: 'Failed', reason: 'OutOfcpu' }, 0, 'unschedulable'],
    ['the machine had given its GPUs away', { phase: 'Failed', reason: 'OutOfnvidia.com/gpu' }, 0, 'unschedulable'],
    [
      'its volumes are too many there',
      { phase: 'Failed', reason: 'VolumeAttachmentLimitExceeded' },
      0,
      'unschedulable',
    ],
    ['the machine would not have it, whyever', { phase: 'Failed', reason: 'AppArmor' }, 0, 'start_failed'],
    ['the machine could not lay it out', { phase: 'Failed', reason: 'TopologyAffinityError' }, 0, 'unschedulable'],
  ])('%s', (_, shown, secondsLater, reason) => {
    expect(stateOf(shown, secondsLater)).toMatchObject({ kind: 'exited', reason })
  })

  test.each<[string, Shown]>([
    ['its machine refused it', { phase: 'Failed', reason: 'OutOfcpu' }],
    ['its machine went before it ran', { phase: 'Failed', reason: 'NodeShutdown' }],
    ['its program could not be run', { phase: 'Failed', state: terminated(128, 'StartError') }],
  ])('of one that wakes the volume is worth more than the end: %s, and it is to be made once more', (_, shown) => {
    expect(stateOf({ ...shown, stage: 'resuming' })).toMatchObject({ kind: 'unknown', why: expect.any(String) })
  })

  test('one that woke and ran ends as any other', () => {
    const ran: Shown = { phase: 'Failed', state: terminated(3, 'Error'), stage: 'resuming' }
    expect(stateOf(ran)).toMatchObject({ kind: 'exited', exitCode: 3 })
  })

  test('of one that wakes the volume is worth more than the end: it waits', () => {
    expect(stateOf({ conditions: [notPlaced('Unschedulable')], stage: 'resuming' }, 600).kind).toBe('pending')
    expect(stateOf({ state: waiting('InvalidImageName'), stage: 'resuming' }).kind).toBe('pending')
  })
})

describe('a Pod that ended', () => {
  test.each<[string, Shown, object]>([
    ['well', { phase: 'Succeeded', state: terminated(0, 'Completed') }, { exitCode: 0, outOfMemory: false }],
    ['badly', { phase: 'Failed', state: terminated(3, 'Error', 'a secret') }, { exitCode: 3, outOfMemory: false }],
    ['by its memory', { phase: 'Failed', state: terminated(137, 'OOMKilled') }, { exitCode: 137, outOfMemory: true }],
    ['by its machine', { phase: 'Failed', reason: 'Evicted' }, { exitCode: null, reason: 'preempted' }],
    [
      'while what its cluster put beside it runs on',
      { phase: 'Running', state: terminated(3, 'Error'), beside: { running: {} } },
      { exitCode: 3, outOfMemory: false },
    ],
    [
      'for another one',
      {
        phase: 'Failed',
        leaving: true,
        conditions: [placed, { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }],
        state: terminated(143, 'Error'),
      },
      { exitCode: 143, reason: 'preempted' },
    ],
    // asked for at 10:00:00 ── ended ── its grace is over at 10:00:10
    [
      'as somebody had it deleted',
      { phase: 'Failed', leaving: true, state: terminated(143, 'Error', '', '2026-11-22T10:00:00Z') },
      { exitCode: 143, reason: 'instance_lost' },
    ],
    ['deleted before it ran', { phase: 'Failed', leaving: true }, { exitCode: null, reason: 'instance_lost' }],
  ])('%s', (_, shown, end) => {
    const state = stateOf(shown)
    expect(state).toMatchObject({ kind: 'exited', ...end })
    // What a container wrote of its end is its user's.
    expect(JSON.stringify(state)).not.toContain('a secret')
  })
})

test.each<[string, number, string, string]>([
  ['before somebody had it deleted', 3, 'Error', '2026-11-22T09:59:59Z'],
  ['by its memory while it was being deleted', 137, 'OOMKilled', '2026-11-22T10:00:01Z'],
])('a Pod that ended %s ended by itself', (_, exitCode, word, finishedAt) => {
  const state = stateOf({ phase: 'Failed', leaving: true, state: terminated(exitCode, word, '', finishedAt) })
  expect(state).toEqual({ kind: 'exited', exitCode, outOfMemory: word === 'OOMKilled' })
})

// evicted: its container ended ── what is beside it drains, for its grace ── reason and phase are written
test('while its end may yet be that of its Pod, whose cause is written last, how it ended is not said', () => {
  const killed = terminated(143, 'Error', '', placedAt)
  const draining: Shown = { phase: 'Running', state: killed, beside: { running: {} } }
  expect(stateOf(draining, 14)).toMatchObject({ kind: 'pending', reason: expect.any(String) })
  const over: Shown = { phase: 'Failed', reason: 'Evicted', state: killed, beside: killed }
  expect(stateOf(over, 14)).toMatchObject({ kind: 'exited', reason: 'preempted' })
  expect(stateOf(draining, 16)).toEqual({ kind: 'exited', exitCode: 143, outOfMemory: false })
})

describe('a Pod of which nothing is known', () => {
  test.each<[string, Shown]>([
    ['it is being deleted by somebody else', { phase: 'Running', leaving: true, state: { running: {} } }],
    [
      'its machine does not answer',
      { phase: 'Running', state: { running: {} }, conditions: [placed, { type: 'Ready', status: 'False' }] },
    ],
  ])('%s', (_, shown) => expect(stateOf(shown)).toMatchObject({ kind: 'unknown', why: expect.any(String) }))

  test.each<[string, Shown]>([
    ['phase Hovering', { phase: 'Hovering' }],
    ['waiting SomethingNew', { state: waiting('SomethingNew') }],
    ['unscheduled SomethingNew', { conditions: [notPlaced('SomethingNew')] }],
    [
      'not ready SomethingNew',
      {
        phase: 'Running',
        state: { running: {} },
        conditions: [placed, { type: 'Ready', status: 'False', reason: 'SomethingNew' }],
      },
    ],
  ])('a word that is in no table is said: %s', (unnamed, shown) =>
    expect(stateOf(shown)).toMatchObject({ kind: 'unknown', unnamed }),
  )
})

test('a Pod that runs is reached at its address, within the networks of the provider and nowhere else', () => {
  const shown: Shown = { phase: 'Running', state: { running: {} }, conditions: [placed, ready], podIP: '10.251.0.7' }
  const endpoints = [{ port: 8080, host: '10.251.0.7', hostPort: 8080 }]
  expect(stateOf(shown)).toEqual({ kind: 'running', endpoints })
  expect(stateOf(shown, 0, ['10.0.0.0/24'])).toMatchObject({ kind: 'unknown' })
  expect(stateOf({ ...shown, podIP: '169.254.169.254' })).toMatchObject({ kind: 'unknown' })
})
