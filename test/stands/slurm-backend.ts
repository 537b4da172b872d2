import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { plainTemplate } from '../setup/template.ts'
import { eventually } from '../conformance/compute-harness.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import { endedStates } from '../support/leftovers/slurm.ts'
import type { ShownJob } from '../support/leftovers/slurm.ts'
import type { RawBackend, RealBackend } from './backend.ts'
import { openReports } from './slurm-reports.ts'
import type { Reports } from './slurm-reports.ts'
import { reportingServer } from './slurm-server.ts'
import { askSlurm, slurmStand } from './slurm-stand.ts'
import type { SlurmStand } from './slurm-stand.ts'

const range = { from: 20_000, to: 29_999 }
const size = { cpuMilli: 1_000, memoryMib: 64, diskMib: 0, gpus: 0 }

/** The cluster that CARREL_STAND_SLURM_URL points to; its nodes are shared, so that what runs there reports itself. */
export async function openBackend(): Promise<RealBackend> {
  const stand = slurmStand()
  const common = { url: stand.url, user: stand.user.name, nodeAddresses: stand.nodeAddresses }
  const settings = { ...common, auth: 'key', keyFile: stand.keyFile }
  const provider = {
    id: 'cluster',
    kind: 'slurm' as const,
    startLimit: 4,
    networks: Object.values(stand.nodeAddresses).map((address) => `${address}/32`),
    settings,
  }
  const { name, uid, gid, gids } = stand.user
  const reports = await openReports()
  return {
    name: 'slurm',
    provider,
    posix: { user: name, uid, gid, gids },
    template: {
      ...plainTemplate,
      image: 'node',
      command: reportingServer,
      environment: { DOOR_PORT: '8080' },
      user: 'account',
      sizes: { small: size },
      doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
      readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
      reportedPorts: { ...range, tls: true },
      egress: 'internet',
      startLimitSeconds: 120,
    },
    answers: true,
    byApi: {
      networks: [`${new URL(stand.url).hostname}/32`],
      settings: { ...common, auth: 'key' },
      secrets: { key: (await readFile(stand.keyFile)).toString('base64') },
      refusedSecrets: { key: randomBytes(32).toString('base64') },
    },
    async viaProxies() {
      const proxy = await createFaultProxy({ target: stand.url })
      const through = { ...settings, url: proxy.url, requestTimeoutMs: 4_000 }
      return { provider: { ...provider, settings: through }, proxies: [proxy] }
    },
    raw: rawJobs(stand, reports),
    close: () => reports.close(),
  }
}

/** A bare job that does the same, by the same interface. */
function rawJobs(stand: SlurmStand, reports: Reports): RawBackend {
  const jobOf = async (id: string) =>
    (await askSlurm<{ readonly jobs: readonly ShownJob[] }>(stand, 'GET', `job/${id}`)).jobs[0]
  return {
    async start() {
      const name = `raw-${randomBytes(6).toString('hex')}`
      const job = {
        name,
        tasks: 1,
        cpus_per_task: 1,
        memory_per_node: size.memoryMib,
        time_limit: 10,
        environment: {
          PATH: '/usr/bin:/bin',
          CARREL_INSTANCE: name,
          CARREL_REPORT_URL: reports.url,
          CARREL_REPORT_PORTS: `${range.from}-${range.to}`,
          DOOR_PORT: '8080',
        },
        current_working_directory: '/tmp',
        standard_output: '/dev/null',
      }
      const files = [
        'private=$(mktemp -d)',
        `printf %s '${reports.tokenOf({ name })}' >"$private/report"`,
        'export CARREL_SECRET_FILE="$private/secret" CARREL_REPORT_TOKEN_FILE="$private/report"',
      ]
      const script = ['#!/bin/sh', ...files, reportingServer[2]].join('\n')
      const { job_id } = await askSlurm<{ readonly job_id: number }>(stand, 'POST', 'job/submit', { script, job })
      const id = `${job_id}`
      const status = async () =>
        await reports.statusOf(stand.nodeAddresses[(await jobOf(id))?.batch_host ?? ''] ?? '', { name })
      await eventually(status, (answer) => answer === 200, 60_000)
      return id
    },
    async stop(id) {
      await askSlurm(stand, 'DELETE', `job/${id}`)
      const state = async () => (await jobOf(id))?.job_state ?? ''
      await eventually(state, (now) => endedStates.includes(now), 60_000)
    },
  }
}
