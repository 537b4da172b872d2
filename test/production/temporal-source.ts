import { cp, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { childEnvironment } from '../../platform/config.ts'
import { call } from './call.ts'

const module = 'go.temporal.io/server'
const minute = 60_000

/** Builds Temporal's server and its schema tool with Go; 15 min on two idle cores the first time. Fills `directory`. */
export async function buildTemporal(version: string, directory: string, say: (line: string) => void): Promise<void> {
  const bin = join(directory, 'bin')
  await mkdir(bin)
  const go = async (args: readonly string[], timeoutMs: number) =>
    await call('go', args, { timeoutMs, env: childEnvironment({ GOBIN: bin }) })
  say(`building Temporal ${version} from source`)
  await go(['install', `${module}/cmd/server@v${version}`, `${module}/cmd/tools/sql@v${version}`], 60 * minute)
  const modules = (await go(['env', 'GOMODCACHE'], minute)).trim()
  const source = join(modules, `${module}@v${version}`)
  await rename(join(bin, 'server'), join(directory, 'temporal-server'))
  await rename(join(bin, 'sql'), join(directory, 'temporal-sql-tool'))
  await cp(join(source, 'schema'), join(directory, 'schema'), { recursive: true })
  await cp(join(source, 'docker/scripts/sh/entrypoint.sh'), join(directory, 'entrypoint.sh'))
}
