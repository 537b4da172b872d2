import { heldBy } from '../db/admission.ts'
import { listProviders } from '../db/providers.ts'
import type { ProviderRow } from '../db/providers.ts'
import { isNothing } from '../domain/resources.ts'
import type { WorkerDeps } from './deps.ts'
import { startProvider } from './provider.ts'
import type { Roles } from './roles.ts'
import type { Running } from './run.ts'

const pollMs = 10_000

/**
 * Opens the queues of every provider of this worker's roles, and follows the table: a new one is opened, a changed one opened
 * anew, a disabled one served until it holds nothing.
 */
export function followProviders(deps: WorkerDeps, roles: Roles, failed: (error: unknown) => void) {
  const open = new Map<string, { readonly version: number; readonly running: Running }>()
  let following: Promise<void> = Promise.resolve()
  let stopping = false

  const follow = async () => {
    if (stopping) return
    for (const row of await listProviders(deps.db)) {
      if (!roles.serves(row.id)) continue
      const present = open.get(row.id)
      const wanted = !row.disabled || !isNothing(await heldBy(deps.db, { kind: 'provider', id: row.id }))
      if (present !== undefined && (!wanted || present.version !== row.version)) {
        open.delete(row.id)
        await present.running.stop()
      }
      if (wanted && !open.has(row.id)) await openOne(row)
    }
  }
  const openOne = async (row: ProviderRow) => {
    try {
      open.set(row.id, { version: row.version, running: await startProvider(deps, row, failed) })
      deps.log.info({ provider: row.id, kind: row.kind }, 'the queues of a provider are open')
    } catch (error) {
      deps.log.error({ provider: row.id, error }, 'the queues of a provider could not be opened; trying again')
    }
  }
  const next = () => {
    following = following.then(follow).catch((error: unknown) => {
      deps.log.warn({ error }, 'the provider table could not be read; trying again')
    })
    return following
  }
  const unsubscribe = deps.listener.on('carrel_provider', () => void next())
  const poll = setInterval(() => void next(), pollMs)

  return {
    /** Settles when the providers there are now have been opened. */
    first: next(),
    serving: (): string[] => [...open.keys()],
    async stop() {
      stopping = true
      clearInterval(poll)
      unsubscribe()
      await following
      await Promise.all([...open.values()].map(async ({ running }) => await running.stop()))
    },
  }
}
