import { afterEach, beforeEach, expect, test } from 'vitest'
import { objectName, stageLabel } from '../../../ports/compute/kubernetes/names.ts'
import { pathOf } from '../../../ports/compute/kubernetes/paths.ts'
import { call } from '../../conformance/compute-harness.ts'
import { deploymentId, specWith } from './ground.ts'
import { KeptObjects } from './kept-objects.ts'
import { no, playCluster } from './played-cluster.ts'
import type { Played, PlayedCluster } from './played-cluster.ts'

let cluster: PlayedCluster
let kept: KeptObjects
let before: (line: string) => Played | null
let after: (line: string) => void
beforeEach(async () => {
  kept = new KeptObjects()
  before = () => null
  after = () => undefined
  const answer = (line: string, body: string) => {
    const played = before(line) ?? kept.answer(line, body)
    after(line)
    return played
  }
  cluster = await playCluster((line, _, body) => answer(line, body), { watchMs: 0 })
})
afterEach(() => cluster.close())

const ref = { name: 'carrel-s1-1', deploymentId }
const name = objectName(ref)
const [owner, pod] = [pathOf('carrel-sessions', 'secrets', name), pathOf('carrel-sessions', 'pods', name)]
const stage = () => kept.at.get(owner)?.metadata.labels[stageLabel]
const conditions = ['PodScheduled', 'Ready'].map((type) => ({ type, status: 'True' }))
const containerStatuses = [{ name: 'session', state: { running: {} } }]
const running = { phase: 'Running', podIP: '10.0.0.7', conditions, containerStatuses }

const counted = 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified; please apply your'

test.each(['secrets', 'pods'])(
  'where a quota counts two %s at once, the cluster makes one of them: the other is asked for again',
  async (kind) => {
    let meetings = 2
    before = (line) =>
      line.startsWith('POST') && line.includes(`/${kind}?`) && meetings-- > 0 ? no(409, 'Conflict', counted) : null
    expect((await cluster.provider.create(specWith(), call())).kind).toBe('made')
    expect(kept.at.has(pod)).toBe(true)
  },
)

test('the same of a Pod that is made again: it is not taken for one that stands', async () => {
  await cluster.provider.create(specWith(), call())
  expect(await cluster.provider.pause?.(ref, call())).toEqual({ kind: 'paused' })
  let meetings = 1
  before = (line) => (line.startsWith('POST') && meetings-- > 0 ? no(409, 'Conflict', counted) : null)
  await cluster.provider.resume?.(ref, call())
  expect(kept.at.has(pod)).toBe(true)
})

test('who writes on every Secret, as one that copies or marks them does, leaves its stage to whoever makes it', async () => {
  // create: ─ owner ──────── rules ─ Pod ─ made (over what it read: refused) ─ reads ─ made
  // others: ───────── marks it
  after = (line) => {
    if (line.startsWith('POST') && line.includes('/secrets')) kept.write(owner, { marked: true })
  }
  expect((await cluster.provider.create(specWith(), call())).kind).toBe('made')
  expect(stage()).toBe('made')
  // Or else it would be thought to be on its way for ever.
  kept.at.delete(pod)
  expect(await cluster.provider.inspect(ref, call())).toEqual({ kind: 'absent' })
})

test('who comes late writes nothing on the owner that took the place of its own', async () => {
  // create: ─ owner o1 ──────────── rules ─ Pod ─ made (over o1: refused) ─ reads: it is o2
  // others: ────────── o1 goes, o2
  after = (line) => {
    if (!line.startsWith('POST') || !line.includes('/secrets')) return
    const { name: same, labels } = kept.at.get(owner)?.metadata ?? {}
    kept.at.delete(owner)
    kept.write(owner, { metadata: { name: same, labels } as never })
  }
  await cluster.provider.create(specWith(), call())
  expect(stage()).toBe('making')
})

test('one that wakes does not run before it is written down: a Pod that is lost later is not thought to be on its way', async () => {
  await cluster.provider.create(specWith(), call())
  await cluster.provider.pause?.(ref, call())
  await cluster.provider.resume?.(ref, call())
  expect(stage()).toBe('resuming')
  kept.write(pod, { status: running })
  let marks = 1
  after = (line) => {
    if (line.startsWith('GET') && line.includes('/secrets/') && marks-- > 0) kept.write(owner, { marked: true })
  }
  expect((await cluster.provider.inspect(ref, call())).kind).toBe('pending')
  expect((await cluster.provider.inspect(ref, call())).kind).toBe('running')
  expect(stage()).toBe('made')
})

test('one that wakes and was refused by its machine is made once more', async () => {
  await cluster.provider.create(specWith(), call())
  await cluster.provider.pause?.(ref, call())
  await cluster.provider.resume?.(ref, call())
  const refused = kept.write(pod, { status: { phase: 'Failed', reason: 'OutOfcpu' } }).metadata.uid
  expect((await cluster.provider.inspect(ref, call())).kind).toBe('unknown')
  expect((await cluster.provider.resume?.(ref, call()))?.kind).toBe('pending')
  expect(kept.at.get(pod)?.metadata.uid).not.toBe(refused)
})
