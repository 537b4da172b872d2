import { MockActivityEnvironment } from '@temporalio/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccessActivities } from '../../activities/access.ts'
import { answerOf, wantUse } from '../../db/outside-uses.ts'
import type { StoredEndpoint } from '../../db/schema.ts'
import type { DoorMode, DoorSpec } from '../../domain/template.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { targetOf } from '../../platform/target.ts'
import type { DoorTarget } from '../../ports/access/access-gateway.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'

let scene: DoorScene
beforeAll(async () => {
  scene = await createDoorScene()
})
afterAll(async () => await scene.close())

/** What a gateway outside is asked to open of such a door, and what came of it. */
async function opened(door: Partial<DoorSpec>, mode: DoorMode = 'control', place?: Partial<StoredEndpoint>) {
  const { db } = scene.rows
  const spec: DoorSpec = { protocol: 'vnc', port: 5_901, modes: ['control', 'view'], ...door }
  await sql`update template_version set spec = jsonb_set(spec, '{doors,desktop}', ${JSON.stringify(spec)}::jsonb)
    where spec #> '{doors,desktop}' is not null`.execute(db)
  const owner = await scene.visitor()
  const key = await scene.ready(owner)
  if (place !== undefined)
    await sql`update instance set endpoints =
      (select jsonb_agg(one || ${JSON.stringify(place)}::jsonb) from jsonb_array_elements(endpoints) one)
      where session_id = ${key.sessionId}`.execute(db)
  const use = { ...key, door: 'desktop', mode, accountId: owner.accountId }
  const asking = await db.transaction().execute(async (trx) => await wantUse(trx, use))
  const targets: DoorTarget[] = []
  const gateway = createFakeAccessGateway()
  const { settleDoors } = createAccessActivities({
    db,
    access: {
      ...gateway,
      open: async (asked, target, signal) => {
        targets.push(target)
        return await gateway.open(asked, target, signal)
      },
    },
    deploymentId: 'd',
    secrets: { open: () => 'the-secret' },
    locate: targetOf,
    timings: defaultTimings,
  })
  await new MockActivityEnvironment().run(settleDoors, key)
  const answer = await answerOf(db, use, asking ?? 0)
  return {
    said: targets.map(({ parameters }) => parameters),
    answer: answer.kind === 'refused' ? answer.code : answer.kind,
  }
}

const password = 'the-secret'
const files = { upload: true, download: false }

test('a gateway outside is told what a template does not let pass', async () => {
  expect(await opened({})).toEqual({ said: [{ password }], answer: 'open' })
  expect(await opened({ clipboard: { copy: false, paste: true } })).toEqual({
    said: [{ password, 'disable-copy': 'true' }],
    answer: 'open',
  })
  const { said } = await opened({ protocol: 'ssh', clipboard: { copy: true, paste: false }, files })
  expect(said).toEqual([{ password, 'disable-paste': 'true', 'enable-sftp': 'true', 'sftp-disable-download': 'true' }])
})

test('who only looks takes and brings nothing there', async () => {
  expect((await opened({}, 'view')).said).toEqual([{ password, 'disable-copy': 'true', 'disable-paste': 'true' }])
  // It is the connection of whoever controls that is joined, and it stays as it was made.
  const joined = await opened({ protocol: 'rdp', clipboard: { copy: false, paste: true } }, 'view')
  expect(joined.said).toEqual([{ password, 'disable-copy': 'true' }])
})

test('a desktop that is to be recorded is not opened where nobody records it', async () => {
  const recording = { retentionDays: 30 }
  expect(await opened({ recording })).toEqual({ said: [], answer: 'recording_unavailable' })
})

test.each(['192.168.7.7', '127.0.0.1', '169.254.169.254', '::1'])(
  'a gateway outside is led to no address that is not of the provider: %s',
  async (host) => {
    expect(await opened({}, 'control', { host })).toEqual({ said: [], answer: 'address_forbidden' })
  },
)

test('a desktop that is pinned to a certificate is opened nowhere where nobody would hold it against the pin', async () => {
  const fingerprint = 'ab'.repeat(32)
  expect(await opened({}, 'control', { fingerprint })).toEqual({ said: [], answer: 'pinned' })
})
