import { readFileSync } from 'node:fs'
import { Agent, fetch } from 'undici'
import { readJobName } from '../../../ports/compute/slurm/names.ts'
import { slurmSettings } from '../../../ports/compute/slurm/settings.ts'
import type { SlurmSettings } from '../../../ports/compute/slurm/settings.ts'
import { createTokens } from '../../../ports/compute/slurm/tokens.ts'
import type { Pass } from '../../../ports/compute/slurm/tokens.ts'

export interface ShownJob {
  readonly job_id: number
  readonly name: string
  readonly user_name: string
  readonly job_state: string
  readonly batch_host: string
}

export const endedStates: readonly string[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TIMEOUT',
  'OUT_OF_MEMORY',
  'NODE_FAIL',
  'BOOT_FAIL',
  'DEADLINE',
  'PREEMPTED',
]

/** Where slurmrestd is, and which of its answers are meant. */
export type SlurmPlace = Pick<SlurmSettings, 'url' | 'apiVersion' | 'ca' | 'caFile'>

/** Asks slurmrestd beside the driver. Throws where it does not answer, or with errors. */
export async function askSlurmrestd<T>(
  { url, apiVersion, ca, caFile }: SlurmPlace,
  { user, token }: Pass,
  method: string,
  path: string,
  body?: object,
  tree: 'slurm' | 'slurmdb' = 'slurm',
): Promise<T> {
  const authority = caFile === undefined ? ca : readFileSync(caFile, 'utf8')
  const dispatcher = new Agent(authority === undefined ? {} : { connect: { ca: authority } })
  try {
    const answer = await fetch(`${url}/${tree}/${apiVersion}/${path}`, {
      dispatcher,
      method,
      headers: {
        'x-slurm-user-name': user,
        'x-slurm-user-token': token,
        'content-type': 'application/json',
        connection: 'close',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(40_000),
    })
    // slurmrestd's own shape.
    const said = (await answer.json()) as T & { readonly errors: readonly unknown[] }
    if (answer.status !== 200 || said.errors.length > 0)
      throw new Error(`the cluster does not answer ${method} ${path}`)
    return said
  } finally {
    await dispatcher.close()
  }
}

/** The deployment's jobs that have not ended: Slurm shows ended ones for minutes. By its settings' own reader, who sees all users' jobs. */
export async function leftoversInSlurm(settings: unknown, deploymentId: string): Promise<string[]> {
  const parsed = slurmSettings.parse(settings)
  const reader = await createTokens(parsed).reader()
  const { jobs } = await askSlurmrestd<{ readonly jobs: readonly ShownJob[] }>(parsed, reader, 'GET', 'jobs')
  return jobs
    .filter(
      ({ name, user_name, job_state }) =>
        !endedStates.includes(job_state) && readJobName(name, deploymentId, user_name) !== null,
    )
    .map(({ job_id, name, job_state }) => `job ${job_id} ${name} ${job_state}`)
}
