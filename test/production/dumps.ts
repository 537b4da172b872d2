import { join } from 'node:path'
import { docker } from '../docker/docker-harness.ts'
import { up } from './install.ts'
import type { Installation } from './site.ts'

const minutes = 60_000
const carrel = ['api', 'gateway', 'worker-core', 'worker-docker']

/** Backup and restore with the commands of docs/operations/backup.md. */
export function createDumps(installation: Installation, absent: readonly string[]) {
  const { run, directory } = installation
  const file = (name: string) => join(directory, `${name}.dump`)
  const dump = async (service: string, user: string, database: string) => {
    const command = ['exec', '-T', service, 'pg_dump', '-U', user, '-Fc', database]
    await run(command, { to: file(database), timeoutMs: 5 * minutes })
  }
  const restore = async (service: string, user: string, database: string) => {
    const command = ['exec', '-T', service, 'pg_restore', '-U', user, '-d', database, '--exit-on-error']
    await run(command, { from: file(database), timeoutMs: 5 * minutes })
  }
  /** The server with its volume; what stands on it must have stopped. */
  const forget = async (service: 'postgres' | 'temporal-postgres') => {
    await run(['rm', '-s', '-f', service])
    await docker.getVolume(`${installation.project}_${service}`).remove()
    await run(['up', '-d', '--no-deps', service])
    await installation.untilHealthy([service])
  }
  return {
    dumpCarrel: async () => await dump('postgres', 'carrel', 'carrel'),
    async dumpTemporal(): Promise<void> {
      await dump('temporal-postgres', 'temporal', 'temporal')
      await dump('temporal-postgres', 'temporal', 'temporal_visibility')
    },
    /** Takes databases away and brings those back that are named in `back`; then starts everything. */
    async lose(what: { readonly carrel: boolean; readonly temporal: boolean; readonly back: boolean }): Promise<void> {
      await run(['stop', '--timeout', '60', ...carrel, ...(what.temporal ? ['temporal'] : [])])
      if (what.carrel) {
        await forget('postgres')
        if (what.back) await restore('postgres', 'carrel', 'carrel')
      }
      if (what.temporal) {
        await forget('temporal-postgres')
        if (what.back) {
          await restore('temporal-postgres', 'temporal', 'temporal')
          await run(['exec', '-T', 'temporal-postgres', 'createdb', '-U', 'temporal', 'temporal_visibility'])
          await restore('temporal-postgres', 'temporal', 'temporal_visibility')
        }
      }
      // The workers of a copy stand aside until it is armed.
      await up(installation, absent, ['temporal', 'api'])
    },
  }
}
export type Dumps = ReturnType<typeof createDumps>
