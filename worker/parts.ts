import type { ProviderId } from '../domain/ids.ts'
import type { Ground } from '../starter/ground.ts'
import { startAccess } from './access.ts'
import { startCore } from './core.ts'
import type { WorkerDeps } from './deps.ts'
import { startMail } from './mail.ts'
import { followProviders } from './providers.ts'
import type { Roles } from './roles.ts'
import { keepSchedules } from './schedules.ts'

const everyMs = 5_000

interface Open {
  serving(): ProviderId[]
  stop(): Promise<void>
}

/**
 * The queues of this worker's roles, open as long as the ground allows it: a copy of the database that shares Temporal with the
 * original must not carry out the original's runs by its own rows.
 */
export async function startParts(deps: WorkerDeps, roles: Roles, ground: Ground, failed: (error: unknown) => void) {
  let open: Open | null = null
  let stopping = false
  let following: Promise<void> = Promise.resolve()

  const openAll = async (): Promise<Open> => {
    const core = roles.core ? await startCore(deps, failed) : null
    const schedules = roles.core ? keepSchedules(deps) : null
    const access =
      roles.access && deps.openAccess !== undefined ? await startAccess(deps, deps.openAccess(), failed) : null
    const mail = roles.mail && deps.mail !== undefined ? await startMail(deps, deps.mail, failed) : null
    const providers = followProviders(deps, roles, failed)
    await providers.first
    return {
      serving: providers.serving,
      async stop() {
        await Promise.all([core?.stop(), access?.stop(), mail?.stop(), schedules?.stop(), providers.stop()])
      },
    }
  }
  const follow = async () => {
    await ground.isKnown()
    const aside = ground.whyAside()
    if (aside === null && open === null && !stopping) open = await openAll()
    if ((aside !== null || stopping) && open !== null) {
      const closing = open
      open = null
      await closing.stop()
    }
    if (aside !== null) deps.log.warn(aside)
  }
  const next = async () => {
    following = following.then(follow)
    await following
  }
  await next()
  const timer = setInterval(() => void next().catch(failed), everyMs)

  return {
    serving: (): ProviderId[] => open?.serving() ?? [],
    isOpen: (): boolean => open !== null,
    async stop() {
      stopping = true
      clearInterval(timer)
      await next()
    },
  }
}
