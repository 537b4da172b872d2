import { createSlurmProvider } from '../../ports/compute/slurm/provider.ts'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import type { Reports } from './slurm-reports.ts'
import { settingsOf } from './slurm-stand.ts'
import type { SlurmStand } from './slurm-stand.ts'

/** The driver on a cluster, whose nodes are all that it may lead to. */
export const openSlurm = (stand: SlurmStand, settings: Readonly<Record<string, unknown>> = {}): ComputeProvider =>
  createSlurmProvider(settingsOf(stand, settings), {
    networks: Object.values(stand.nodeAddresses).map((address) => `${address}/32`),
  })

/** An instance that only sleeps, and may report a port. */
export const sleepingSpec = (stand: SlurmStand, reports: Reports, key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  image: 'node',
  command: ['sleep', '900'],
  environment: { DOOR_PORT: '8080' },
  secret: `secret of ${key.sessionId}`,
  resources: { sessions: 1, cpuMilli: 1_000, memoryMib: 64, diskMib: 0, gpus: 0 },
  user: stand.user,
  egress: 'internet',
  report: { url: reports.url, token: reports.tokenOf(key), ports: { from: 20_000, to: 29_999 }, tls: true },
})
