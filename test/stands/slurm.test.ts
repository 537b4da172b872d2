import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { computeConformance } from '../conformance/compute.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { httpFaults } from '../conformance/http-faults.ts'
import { manyByCreating } from '../conformance/many-by-creating.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import { leftoversInSlurm } from '../support/leftovers/slurm.ts'
import { standCases } from './cases.ts'
import { openBackend } from './slurm-backend.ts'
import { slurmCases } from './slurm-cases.ts'
import { openSlurm, sleepingSpec } from './slurm-provider.ts'
import { openReports } from './slurm-reports.ts'
import { reportingServer } from './slurm-server.ts'
import { settingsOf, slurmStand, tokenFor } from './slurm-stand.ts'

const can = {
  faults: true,
  mounts: false,
  http: true,
  many: true,
  pending: true,
  credentials: true,
  reports: true,
  refusals: ['unschedulable', 'template_unfit', 'start_failed'],
} as const

computeConformance('slurm', can, async () => {
  const stand = slurmStand()
  const open = (settings: Readonly<Record<string, unknown>> = {}) => openSlurm(stand, settings)
  const proxy = await createFaultProxy({ target: stand.url })
  const reports = await openReports()
  const directory = await mkdtemp(join(tmpdir(), 'carrel-tokens-'))
  const tokenFile = join(directory, 'token')
  // Of Slurm's own user, whose token may name any other.
  const restore = async () => await writeFile(tokenFile, await tokenFor(stand, 'slurm'), { mode: 0o600 })
  await restore()
  const [provider, second] = [open(), open()]
  const byToken = open({ auth: 'token', keyFile: undefined, tokenFile, user: 'slurm' })
  const faulty = open({ url: proxy.url, requestTimeoutMs: 4_000 })

  const plain = (key: InstanceKey) => sleepingSpec(stand, reports, key)
  const server = (key: InstanceKey): InstanceSpec => ({ ...plain(key), command: reportingServer })
  const asking = (
    key: InstanceKey,
    resources: Partial<InstanceSpec['resources']>,
    terms: InstanceSpec['terms'] = {},
  ) => {
    const spec = plain(key)
    return { ...spec, resources: { ...spec.resources, ...resources }, terms }
  }

  return {
    provider,
    another: () => second,
    specs: {
      server,
      exiting: (key, exitCode) => ({ ...plain(key), command: ['sh', '-c', `exit ${exitCode}`] }),
      outOfMemory: (key) => ({ ...plain(key), command: ['perl', '-e', '$x = "x" x (512 << 20); sleep 60'] }),
      missingImage: (key) => ({ ...plain(key), image: 'no-such-image' }),
      // More processors than its QOS allows one user at a time: another limit could free them, so it waits.
      pending: (key) => asking(key, { cpuMilli: 5_000 }, { slurm: { qos: 'fewcpu' } }),
      refused: {
        unschedulable: (key) => asking(key, { cpuMilli: 1_000_000 }),
        template_unfit: (key) => asking(key, {}, { slurm: { partition: 'no-such-partition' } }),
        start_failed: (key) => ({ ...plain(key), user: { uid: 0, gid: 0, gids: [], name: 'root' } }),
      },
    },
    leftovers: (deploymentId) => leftoversInSlurm(settingsOf(stand), deploymentId),
    faults: httpFaults({
      provider: faulty,
      proxies: [proxy],
      creating: (method, path) => method === 'POST' && path.endsWith('/job/submit'),
      removing: (method) => method === 'DELETE',
    }),
    credentials: {
      provider: byToken,
      renewed: false,
      lapse: async () => await writeFile(tokenFile, await tokenFor(stand, 'slurm', randomBytes(32))),
      restore,
    },
    // Of those that want a GPU most wait: many jobs, and few processes.
    many: manyByCreating(provider, (key) => asking(key, { gpus: 1 }, { slurm: { partition: 'gpu' } })),
    mounts: undefined,
    pageSize: null,
    keepsEnded: true,
    statusOf: (running, key) => reports.statusOf(running.host ?? '', key),
    limits: { startMs: 30_000, imageMissingMs: 5_000, boundedMs: 30_000 },
    async close() {
      for (const each of [provider, second, byToken, faulty]) await each.close()
      await proxy.close()
      await reports.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
})

standCases('slurm', openBackend)
slurmCases()
