import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { AccountId, ProviderId } from '../../domain/ids.ts'
import { createHandoverProvider } from '../../ports/compute/handover/provider.ts'
import type { HandoverRecords } from '../../ports/compute/handover/provider.ts'
import { handoverSettings } from '../../ports/compute/handover/settings.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { computeConformance } from '../conformance/compute.ts'
import { call, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import type { ComputeHarness, InstanceKey } from '../conformance/compute-harness.ts'
import { manyByCreating } from '../conformance/many-by-creating.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { addHandoverProvider, recordsOf } from '../setup/handover.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import { createFaultyRecords } from '../support/handover/faulty-records.ts'
import { startProvisioner } from '../support/handover/provisioner.ts'
import type { Wanted, Word } from '../support/handover/provisioner.ts'

const desks = 'desks' as ProviderId
const can = {
  faults: true,
  mounts: false,
  answers: false,
  many: true,
  pending: true,
  reports: true,
  refusals: ['template_unfit', 'unschedulable', 'backend_quota', 'start_failed'],
} as const

const server = (key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  image: 'windows:11',
  environment: { TOKEN: 'canary-environment' },
  secret: 'canary-secret',
  resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
  egress: 'internet',
})
const failing = (code: string) => (key: InstanceKey) => ({ ...server(key), command: ['fail', code] })

/** What the provisioner of the suite makes of an instance. */
function script({ image, command, name }: Wanted): readonly Word[] | null {
  if (image === 'slow:1') return null
  if (image === 'missing:1') return [['fail', { code: 'image_missing', words: `There is no ${image}.` }]]
  const [what = 'run', code = ''] = command ?? []
  if (what === 'fail') return [['fail', { code, words: 'As planned.' }]]
  const running: Word = ['report', { state: 'running', host: '10.20.0.5' }]
  const preparing: Word = ['report', { state: 'preparing', words: `Cloning ${name}` }]
  return what === 'exit' ? [preparing, running, ['end', { exitCode: Number(code) }]] : [preparing, running]
}

let api: TestApi
let account: AccountId
async function harnessOf(): Promise<ComputeHarness> {
  api = await startApi()
  const { accountId, token } = await addHandoverProvider(api, desks)
  account = accountId
  const records = recordsOf(api, desks)
  const settings = handoverSettings.parse({ provisioner: accountId })
  const times = { answerMs: 20_000, removeMs: 20_000, lookMs: 20, pageSize: 4 }
  // Whose records may hang waits for them no longer than it must.
  const short = { ...times, answerMs: 2_000, removeMs: 3_000 }
  const open = (on: HandoverRecords = records) => createHandoverProvider(settings, on, on === records ? times : short)
  const faulty = createFaultyRecords(records)
  const provisioner = startProvisioner({ call: api.call, token, script })
  const provider = open()
  return {
    provider,
    another: () => open(),
    specs: {
      server,
      exiting: (key, exitCode) => ({ ...server(key), command: ['exit', `${exitCode}`] }),
      outOfMemory: failing('out_of_memory'),
      missingImage: (key) => ({ ...server(key), image: 'missing:1' }),
      pending: (key) => ({ ...server(key), image: 'slow:1' }),
      refused: {
        template_unfit: (key) => ({ ...server(key), readiness: { kind: 'log', pattern: 'listening' } }),
        unschedulable: failing('unschedulable'),
        backend_quota: failing('backend_quota'),
        start_failed: failing('start_failed'),
      },
    },
    leftovers: async (deployment) => {
      const rows = await api.db.selectFrom('handover').select('name').where('deployment_id', '=', deployment).execute()
      return rows.map(({ name }) => name)
    },
    faults: {
      provider: open(faulty.records),
      loseNextAnswer: faulty.loseNextAnswer,
      holdNextCreate: faulty.holdNextCreate,
      goDown: () => faulty.be('down'),
      hang: () => faulty.be('hangs'),
      slow: () => faulty.be('slow'),
      recover: () => faulty.be('well'),
    },
    many: manyByCreating(provider, (key) => ({ ...server(key), image: 'slow:1' })),
    mounts: undefined,
    pageSize: 4,
    limits: { startMs: 30_000, imageMissingMs: 30_000, refusedMs: 30_000, boundedMs: 10_000 },
    close: async () => {
      await provisioner.stop()
      await provider.close()
    },
  }
}

computeConformance('handover', can, harnessOf)

test('what is in the open holds nothing that is secret, also of what nobody takes', async () => {
  const records = recordsOf(api, desks)
  const provider = createHandoverProvider(handoverSettings.parse({ provisioner: account }), records)
  const key = freshKey(freshDeployment())
  expect((await provider.create({ ...server(key), image: 'slow:1' }, call())).kind).toBe('made')
  const { rows } = await sql<{ row: string }>`select handover::text as row from handover`.execute(api.db)
  expect(rows.map(({ row }) => row).join()).toContain(key.name)
  expect(rows.map(({ row }) => row).join()).not.toContain('canary')
  expect(await provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
})
afterAll(() => api.close())
