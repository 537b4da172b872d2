import { createStarter } from '../starter/starter.ts'
import { startBeats } from './beats.ts'
import { startCore } from './core.ts'
import type { WorkerDeps } from './deps.ts'
import { followProviders } from './providers.ts'
import { keepSchedules } from './schedules.ts'
import type { Roles } from './roles.ts'
import { createTurn } from './turn.ts'

/** All that one worker process does, by its roles. `failed`: a part ended by itself, and the process should end. */
export async function startWorker(deps: WorkerDeps, roles: Roles, failed: (error: unknown) => void) {
  let serving: () => string[] = () => []
  const turn = createTurn(deps, deps.version ?? null)
  const beats = startBeats(deps.db, deps.client, {
    async core() {
      if (roles.core) await turn.look()
      return roles.core && turn.whyIdle() === null
    },
    providers: () => serving(),
  })
  await beats.once()
  const core = roles.core ? await startCore(deps, failed) : null
  const schedules = roles.core ? keepSchedules(deps) : null
  const providers = followProviders(deps, roles, failed)
  serving = providers.serving
  await providers.first
  await beats.once()
  const starter = createStarter({
    db: deps.db,
    client: deps.client,
    timings: deps.timings,
    listener: deps.listener,
    warn: (message, error) => deps.log.warn({ error }, message),
  }).start()
  return {
    serving,
    /** Why Temporal gives this worker no workflows, though it would run them; `null`: it does. */
    whyIdle: turn.whyIdle,
    /** Takes nothing new from here on, finishes what is under way, leaves the rest to others, and tears nothing down. */
    async stop() {
      beats.stop()
      await Promise.all([starter.stop(), core?.stop(), schedules?.stop(), providers.stop()])
    },
  }
}
