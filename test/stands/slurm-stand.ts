import { readFile } from 'node:fs/promises'
import { SignJWT } from 'jose'
import { eventually } from '../conformance/compute-harness.ts'
import { slurmSettings } from '../../ports/compute/slurm/settings.ts'
import type { SlurmSettings } from '../../ports/compute/slurm/settings.ts'
import { askSlurmrestd } from '../support/leftovers/slurm.ts'

/** A cluster that the environment points to, with the key by which tokens for it are signed. */
export interface SlurmStand {
  readonly url: string
  readonly keyFile: string
  /** As whom sessions run. */
  readonly user: { readonly name: string; readonly uid: number; readonly gid: number; readonly gids: readonly number[] }
  /** An ordinary user from whom `PrivateData` hides the jobs of others; `null`: it does not, or nobody said. */
  readonly blindReader: string | null
  /** Where its nodes are reached. */
  readonly nodeAddresses: Readonly<Record<string, string>>
}

/**
 * Reads `CARREL_STAND_SLURM_URL` (of slurmrestd), `CARREL_STAND_SLURM_KEY_FILE` (its jwt_hs256.key), `CARREL_STAND_SLURM_USER`
 * (`name:uid:gid`, and its other groups: `:gid,gid`), `CARREL_STAND_SLURM_NODES` (`node=address,…`) and, where jobs are private,
 * `CARREL_STAND_SLURM_BLIND_READER` (an ordinary user beside it).
 */
export function slurmStand(env: NodeJS.ProcessEnv = process.env): SlurmStand {
  const wanted = (name: string, otherwise?: string) => {
    const value = env[name] ?? otherwise
    if (value === undefined || value === '') throw new Error(`${name} is not set`)
    return value
  }
  const [name = '', uid, gid, others = ''] = wanted('CARREL_STAND_SLURM_USER', 'carrel:20001:20001').split(':')
  const nodes = wanted('CARREL_STAND_SLURM_NODES', 'node1=127.0.0.1')
  return {
    url: wanted('CARREL_STAND_SLURM_URL'),
    keyFile: wanted('CARREL_STAND_SLURM_KEY_FILE'),
    user: { name, uid: Number(uid), gid: Number(gid), gids: others.split(',').filter(Boolean).map(Number) },
    blindReader: env['CARREL_STAND_SLURM_BLIND_READER'] ?? null,
    nodeAddresses: Object.fromEntries(nodes.split(',').map((pair) => pair.split('=', 2) as [string, string])),
  }
}

/** As an operator would write them. */
export const settingsOf = (stand: SlurmStand, other: Readonly<Record<string, unknown>> = {}): SlurmSettings =>
  slurmSettings.parse({
    url: stand.url,
    auth: 'key',
    keyFile: stand.keyFile,
    user: stand.user.name,
    nodeAddresses: stand.nodeAddresses,
    ...other,
  })

/** A token for any user; by another key it is one that the cluster does not take. */
export async function tokenFor(stand: SlurmStand, user: string, otherKey?: Uint8Array): Promise<string> {
  return await new SignJWT({ sun: user })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(otherKey ?? (await readFile(stand.keyFile)))
}

/** Asks slurmrestd beside the driver, as the user of the sessions. */
export const askSlurm = async <T>(stand: SlurmStand, ...asking: Asking): Promise<T> => {
  const { name: user } = stand.user
  return await askSlurmrestd<T>(settingsOf(stand), { user, token: await tokenFor(stand, user) }, ...asking)
}
type Asking = [method: string, path: string, body?: object, tree?: 'slurm' | 'slurmdb']

interface Accounted {
  readonly time: { readonly elapsed: number; readonly end: number }
  readonly tres: { readonly allocated: readonly { readonly type: string; readonly count: number }[] }
}

/** What the accounting says of the one run of a job that has ended: its seconds, and those times its processors. */
export async function accountedOf(stand: SlurmStand, id: string) {
  const asked = async () =>
    await askSlurm<{ readonly jobs: readonly Accounted[] }>(stand, 'GET', `job/${id}`, undefined, 'slurmdb')
  // It is behind by seconds, and says until then that there is no such job.
  const ended = async () => (await asked().catch(() => null))?.jobs.filter(({ time }) => time.end > 0) ?? []
  const [job] = await eventually(ended, (jobs) => jobs.length === 1, 60_000)
  const cpus = job?.tres.allocated.find(({ type }) => type === 'cpu')?.count ?? 0
  const wallSeconds = job?.time.elapsed ?? 0
  return { wallSeconds, cpuSeconds: wallSeconds * cpus }
}
