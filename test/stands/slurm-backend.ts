import { plainTemplate } from '../setup/template.ts'
import { eventually } from '../conformance/compute-harness.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import type { RawBackend, RealBackend } from './backend.ts'
import { reportingServer } from './slurm-server.ts'
import { askSlurm, endedStates, leftoversOf, slurmStand } from './slurm-stand.ts'
import type { ShownJob, SlurmStand } from './slurm-stand.ts'

const size = { cpuMilli: 1_000, memoryMib: 64, diskMib: 0, gpus: 0 }

/** The cluster that CARREL_STAND_SLURM_URL points to; its nodes are shared, so that what runs there reports itself. */
export async function openBackend(): Promise<RealBackend> {
  const stand = slurmStand()
  const settings = {
    url: stand.url,
    auth: 'key',
    keyFile: stand.keyFile,
    user: stand.user.name,
    nodeAddresses: stand.nodeAddresses,
  }
  const provider = {
    id: 'cluster',
    kind: 'slurm' as const,
    startLimit: 4,
    networks: Object.values(stand.nodeAddresses).map((address) => `${address}/32`),
    settings,
  }
  const { name, uid, gid } = stand.user
  return await Promise.resolve({
    name: 'slurm',
    provider,
    posix: { user: name, uid, gid, gids: [] },
    template: {
      ...plainTemplate,
      image: 'node',
      command: reportingServer,
      environment: { DOOR_PORT: '8080' },
      user: 'account',
      sizes: { small: size },
      doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
      readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
      reportedPorts: { from: 20_000, to: 29_999, tls: true },
      egress: 'internet',
      startLimitSeconds: 120,
    },
    answers: true,
    leftovers: leftoversOf(stand),
    async viaProxies() {
      const proxy = await createFaultProxy({ target: stand.url })
      const through = { ...settings, url: proxy.url, requestTimeoutMs: 4_000 }
      return { provider: { ...provider, settings: through }, proxies: [proxy] }
    },
    raw: rawJobs(stand),
    close: () => Promise.resolve(),
  })
}

/** A bare job of the same size, by the same interface. */
function rawJobs(stand: SlurmStand): RawBackend {
  const stateOf = async (id: string) => {
    const { jobs = [] } = await askSlurm<{ readonly jobs?: readonly ShownJob[] }>(stand, 'GET', `job/${id}`)
    return jobs[0]?.job_state ?? 'UNKNOWN'
  }
  return {
    async start() {
      const job = {
        name: 'raw',
        tasks: 1,
        cpus_per_task: 1,
        memory_per_node: size.memoryMib,
        time_limit: 10,
        environment: { PATH: '/usr/bin:/bin' },
        current_working_directory: '/tmp',
        standard_output: '/dev/null',
      }
      const body = { script: '#!/bin/sh\nsleep 600\n', job }
      const { job_id } = await askSlurm<{ readonly job_id: number }>(stand, 'POST', 'job/submit', body)
      const id = `${job_id}`
      await eventually(
        () => stateOf(id),
        (state) => state === 'RUNNING',
        60_000,
      )
      return id
    },
    async stop(id) {
      await askSlurm(stand, 'DELETE', `job/${id}`)
      await eventually(
        () => stateOf(id),
        (state) => endedStates.includes(state),
        60_000,
      )
    },
  }
}
