import { listProviders } from '../db/providers.ts'
import type { ProviderRow } from '../db/providers.ts'
import { isProviderInUse } from '../db/survey.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { WorkerDeps } from './deps.ts'
import { startProvider } from './provider.ts'
import type { Roles } from './roles.ts'
import type { Running } from './run.ts'

const pollMs = 10_000

/** Opens the queues of every provider of this worker's roles, and follows the table. */
export const followProviders = (deps: WorkerDeps, roles: Roles, failed: (error: unknown) => void) =>
  keepOpen(deps, roles, async (row) => await startProvider(deps, row, failed))

/**
 * Follows the table of providers: a new one is opened, a changed one opened anew, a disabled one served until it holds nothing.
 * Each provider in its own time: one that drains, or does not come up, holds up no other.
 */
export function keepOpen(
  { db, listener, log }: Pick<WorkerDeps, 'db' | 'listener' | 'log'>,
  roles: Roles,
  start: (row: ProviderRow) => Promise<Running>,
) {
  const open = new Map<ProviderId, { readonly version: number; readonly running: Running }>()
  const latest = new Map<string, ProviderRow>()
  const turns = new Map<string, Promise<void>>()
  let reading: Promise<void> = Promise.resolve()
  let stopping = false

  const read = async () => {
    if (stopping) return
    for (const row of await listProviders(db)) {
      if (!roles.serves(row.id)) continue
      latest.set(row.id, row)
      const before = turns.get(row.id) ?? Promise.resolve()
      turns.set(
        row.id,
        before
          .then(async () => await follow(row.id))
          .catch((error: unknown) => {
            log.warn({ provider: row.id, error }, 'a provider could not be followed; trying again')
          }),
      )
    }
  }
  const follow = async (id: ProviderId): Promise<void> => {
    const row = latest.get(id)
    if (stopping || row === undefined) return
    const wanted = !row.disabled || (await isProviderInUse(db, id))
    // What is open when it stops is closed by `stop`.
    if (stopping) return
    const present = open.get(id)
    if (present !== undefined && (!wanted || present.version !== row.version)) {
      open.delete(id)
      await present.running.stop()
      // That takes its time, in which the row may have changed again.
      return await follow(id)
    }
    if (wanted && present === undefined) await openOne(row)
  }
  const openOne = async (row: ProviderRow) => {
    try {
      const running = await start(row)
      if (stopping) return await running.stop()
      open.set(row.id, { version: row.version, running })
      log.info({ provider: row.id, kind: row.kind }, 'the queues of a provider are open')
    } catch (error) {
      log.error({ provider: row.id, error }, 'the queues of a provider could not be opened; trying again')
    }
  }
  const next = () => {
    reading = reading.then(read).catch((error: unknown) => {
      log.warn({ error }, 'the provider table could not be read; trying again')
    })
    return reading
  }
  const settled = async () => void (await Promise.all(turns.values()))
  const unsubscribe = listener.on('carrel_provider', () => void next())
  const poll = setInterval(() => void next(), pollMs)

  return {
    /** Settles when the providers there are now have been opened. */
    first: next().then(settled),
    serving: (): ProviderId[] => [...open.keys()],
    /** Closes all at once: the whole takes no longer than the slowest. */
    async stop() {
      stopping = true
      clearInterval(poll)
      unsubscribe()
      await Promise.all([...[...open.values()].map(async ({ running }) => await running.stop()), reading.then(settled)])
    },
  }
}
