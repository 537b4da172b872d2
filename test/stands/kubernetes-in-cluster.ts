import { spawn, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { quick } from './kubernetes-harness.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

/** Whether a process can be shown files where there are none. */
export const hasBwrap = spawnSync('bwrap', ['--dev-bind', '/', '/', '--tmpfs', '/run', 'true']).status === 0

/** What the process that believes itself in a cluster is to do, and what it says then. */
export interface InClusterAsk {
  readonly settings: object
  readonly networks: readonly string[]
  readonly spec: InstanceSpec
  readonly tokenFile: string
  /** Those that are written there in turn. */
  readonly tokens: { readonly other: string; readonly good: string }
}
export type InClusterSaid = Readonly<
  Record<'created' | 'running' | 'withOtherToken' | 'renewed' | 'removed', string> & Record<'listed', readonly string[]>
>

/** Where a Pod finds what it may know of its cluster; `/var/run` leads there. */
const accountDirectory = '/run/secrets/kubernetes.io/serviceaccount'

/** Leads an instance through its life in a process that has the files and variables of a Pod with a service account, at their own places. */
export async function inCluster(
  { server, ca, token, networks }: KubernetesStand,
  { account, spec, otherToken }: { readonly account: string; readonly spec: InstanceSpec; readonly otherToken: string },
): Promise<InClusterSaid> {
  await mkdir(account)
  await writeFile(join(account, 'ca.crt'), ca)
  await writeFile(join(account, 'token'), token)
  const ask: InClusterAsk = {
    settings: { ...quick, inCluster: true },
    networks,
    spec,
    tokenFile: join(accountDirectory, 'token'),
    tokens: { other: otherToken, good: token },
  }
  const { hostname, port } = new URL(server)
  const program = fileURLToPath(new URL('kubernetes-in-cluster-main.ts', import.meta.url))
  // A Pod's /run is its own: nothing is written to this machine's.
  const places = ['--dev-bind', '/', '/', '--tmpfs', '/run', '--bind', account, accountDirectory]
  const child = spawn('bwrap', [...places, '--die-with-parent', process.execPath, program, JSON.stringify(ask)], {
    env: { ...process.env, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port || '443' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 150_000,
    killSignal: 'SIGKILL',
  })
  // Our own program wrote it.
  return JSON.parse(await text(child.stdout)) as InClusterSaid
}
