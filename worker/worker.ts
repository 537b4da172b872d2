import { checkGround } from '../starter/ground.ts'
import { createStarter } from '../starter/starter.ts'
import { startBeats } from './beats.ts'
import type { WorkerDeps } from './deps.ts'
import { startParts } from './parts.ts'
import type { Roles } from './roles.ts'
import { createTurn } from './turn.ts'

/** All that one worker process does, by its roles. `failed`: a part ended by itself, and the process should end. */
export async function startWorker(deps: WorkerDeps, roles: Roles, failed: (error: unknown) => void) {
  const { db, client, timings, listener } = deps
  const warn = (message: string, error: unknown) => deps.log.warn({ error }, message)
  let parts: Awaited<ReturnType<typeof startParts>> | null = null
  const turn = createTurn(deps, deps.version ?? null)
  const ground = checkGround(db, client, warn)
  await ground.look()
  const beats = startBeats(db, client, {
    async core() {
      if (!roles.core || ground.whyAside() !== null) return false
      await turn.look()
      return turn.whyIdle() === null
    },
    providers: () => parts?.serving() ?? [],
  })
  await beats.once()
  parts = await startParts(deps, roles, ground, failed)
  await beats.once()
  const starter = createStarter({ db, client, timings, listener, warn, ground }).start()
  const open = parts
  return {
    serving: open.serving,
    /** Why this worker runs nothing, though it would; `null`: it does. */
    whyIdle: (): string | null => ground.whyAside() ?? turn.whyIdle(),
    /** Takes nothing new from here on, finishes what is under way, leaves the rest to others, and tears nothing down. */
    async stop() {
      await Promise.all([beats.stop(), starter.stop(), open.stop()])
    },
  }
}
