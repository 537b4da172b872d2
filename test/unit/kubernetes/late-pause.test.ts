import { afterEach, expect, test } from 'vitest'
import { labelsOf, objectName, stageLabel } from '../../../ports/compute/kubernetes/names.ts'
import type { Stage } from '../../../ports/compute/kubernetes/names.ts'
import { call } from '../../conformance/compute-harness.ts'
import { deploymentId, specWith } from './ground.ts'
import { json, no, playCluster } from './played-cluster.ts'
import type { PlayedCluster } from './played-cluster.ts'

let cluster: PlayedCluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

const ref = { name: 'carrel-s1-1', deploymentId }
const name = objectName(ref)
const named = (uid: string, more: Readonly<Record<string, string>> = {}) => ({
  name,
  namespace: 'carrel-sessions',
  uid,
  resourceVersion: '7',
  labels: { ...labelsOf(specWith()), ...more },
})
const owner = (stage: Stage) => json(200, { metadata: named('o', { [stageLabel]: stage }) })
const pod = (uid: string) =>
  json(200, { metadata: named(uid), spec: { containers: [] }, status: { phase: 'Running', conditions: [] } })
const changes = () => cluster?.requests.filter(({ line }) => !line.startsWith('GET ')) ?? []

test.each(['pause', 'resume'] as const)(
  'a %s that reads, and writes when others have written since, does nothing',
  async (deed) => {
    // this:   reads ·························· writes: 409
    // others: ────── pause ── resume ─────────
    cluster = await playCluster((line) => {
      if (line.startsWith('PATCH ')) return no(409, 'Conflict')
      if (line.includes('/pods/')) return deed === 'pause' ? pod('p1') : no(404, 'NotFound')
      return owner(deed === 'pause' ? 'made' : 'pausing')
    })
    expect((await cluster.provider[deed]?.(ref, call()))?.kind).toBe('unknown')
    expect(changes().map(({ line }) => line.split(' ')[0])).toEqual(['PATCH'])
    expect(JSON.parse(changes()[0]?.body ?? '{}')).toMatchObject({ metadata: { resourceVersion: '7' } })
  },
)

test('a pause that is slow to end its Pod leaves the one alone that has woken under its name', async () => {
  // this:   reads p1 ── writes ·············· looks: it is p2
  // others: ─────────────────── p1 goes, p2 ──
  let written = false
  cluster = await playCluster((line) => {
    if (line.startsWith('PATCH ')) written = true
    if (line.includes('/pods/')) return pod(written ? 'p2' : 'p1')
    return owner('made')
  })
  expect(await cluster.provider.pause?.(ref, call())).toEqual({ kind: 'paused' })
  expect(changes().map(({ line }) => line.split(' ')[0])).toEqual(['PATCH'])
})

test('one that was lost is not paused', async () => {
  cluster = await playCluster((line) => (line.includes('/pods/') ? no(404, 'NotFound') : owner('made')))
  expect(await cluster.provider.pause?.(ref, call())).toEqual({ kind: 'absent' })
  expect(changes()).toEqual([])
})
