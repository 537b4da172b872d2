import { createCatalogueActivities } from '../activities/catalogue.ts'
import { createCheckActivities, createCheckBooksActivities } from '../activities/check.ts'
import { createComputeActivities } from '../activities/compute.ts'
import { createInvitationBooksActivities } from '../activities/invitation.ts'
import { createObserveActivities } from '../activities/observe.ts'
import { createPausingActivities } from '../activities/pausing.ts'
import { createReadinessActivities } from '../activities/readiness.ts'
import { createReconcileActivities } from '../activities/reconcile.ts'
import { createSessionActivities } from '../activities/session.ts'
import { createSurveyActivities } from '../activities/survey.ts'
import { createUpkeepActivities } from '../activities/upkeep.ts'
import type { ProviderRow } from '../db/providers.ts'
import { defaultRetention } from '../domain/retention.ts'
import { locator } from '../platform/target.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'
import { createRuns } from '../starter/runs.ts'
import type { accessActivities } from './access.ts'
import type { WorkerDeps } from './deps.ts'
import type { mailActivities } from './mail.ts'
import { createInstanceSecrets } from './instance-secrets.ts'

/** What the workers of the core register: it touches nothing but Carrel's own books. */
export function coreActivities({
  db,
  client,
  timings,
  retention = defaultRetention,
  access,
  withdrawn,
  catalogues,
  log,
}: Pick<WorkerDeps, 'db' | 'client' | 'timings' | 'retention' | 'access' | 'withdrawn' | 'catalogues' | 'log'>) {
  return {
    ...createSessionActivities({ db, timings }),
    ...createReconcileActivities({ db, runs: createRuns(client) }),
    ...createCheckBooksActivities({ db }),
    ...createInvitationBooksActivities({ db }),
    ...createCatalogueActivities({
      db,
      timings,
      sources: catalogues?.sources ?? new Map(),
      ...(catalogues === undefined ? {} : { everyMs: catalogues.everyMs }),
      ...(catalogues?.posix === undefined ? {} : { posix: catalogues.posix }),
      ...(access === undefined ? {} : { access }),
      ...(withdrawn === undefined ? {} : { withdrawn }),
    }),
    ...createUpkeepActivities({
      db,
      retention,
      ...(withdrawn === undefined ? {} : { withdrawn }),
      warn: (found, message) => log.warn(found, message),
    }),
  }
}

/** One provider, as a worker has opened it. */
export interface OpenProvider {
  readonly row: Pick<ProviderRow, 'id'>
  readonly provider: ComputeProvider
  /** Aborts when the worker begins to stop. */
  readonly stopping: AbortSignal
}

/** What the workers of a provider's two queues register. */
export function providerActivities(
  {
    db,
    client,
    timings,
    deploymentId,
    secrets,
    ownServices = [],
    reportUrl,
    access,
  }: Pick<
    WorkerDeps,
    'db' | 'client' | 'timings' | 'deploymentId' | 'secrets' | 'ownServices' | 'reportUrl' | 'access'
  >,
  { row, provider, stopping }: OpenProvider,
) {
  const locate = locator(ownServices)
  const { createInstance, removeInstance, inspectInstance } = createComputeActivities({
    db,
    providerId: row.id,
    provider,
    secrets: createInstanceSecrets(secrets),
    locate,
    ...(reportUrl === undefined ? {} : { reportUrl }),
    ...(access === undefined ? {} : { access }),
    timings,
    stopping,
  })
  const { pauseInstance, resumeInstance } = createPausingActivities({
    db,
    providerId: row.id,
    provider,
    locate,
    timings,
    stopping,
  })
  return {
    start: {
      createInstance,
      resumeInstance,
      ...createReadinessActivities({ db, provider, locate, timings, stopping }),
    },
    care: {
      removeInstance,
      inspectInstance,
      pauseInstance,
      ...createObserveActivities({ db, providerId: row.id, provider, deploymentId, timings, stopping }),
      ...createSurveyActivities({ db, providerId: row.id, provider, deploymentId, runs: createRuns(client) }),
      ...createCheckActivities({ db, providerId: row.id, provider, deploymentId }),
    },
  }
}

type OfProvider = ReturnType<typeof providerActivities>

/** Every activity that any worker registers. */
export type RegisteredActivities = ReturnType<typeof coreActivities> &
  ReturnType<typeof accessActivities> &
  ReturnType<typeof mailActivities> &
  OfProvider['start'] &
  OfProvider['care']
