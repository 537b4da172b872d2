import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client'
import type { Client, ScheduleOptions, ScheduleOptionsStartWorkflowAction, Workflow } from '@temporalio/client'
import { listProviders } from '../db/providers.ts'
import { isProviderInUse } from '../db/survey.ts'
import {
  catalogueWorkflowId,
  coreQueue,
  expireWorkflowId,
  reconcileWorkflowId,
  retentionWorkflowId,
} from '../domain/ids.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { workflowNames } from '../workflows/session.messages.ts'
import type { CatalogueSyncRun, ReconcileRun, UpkeepRun } from '../workflows/session.messages.ts'
import type { WorkerDeps } from './deps.ts'

/** Again and again, for a schedule may be deleted by hand, and providers come and go. */
const everyMs = 60_000
const callTimeoutMs = 5_000

const noCatalogues: NonNullable<WorkerDeps['catalogues']> = { sources: new Map(), everyMs: 3_600_000 }

type Plan = ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>

/** Every schedule that should be there: one per provider in service, and those of the whole installation. */
export function plannedSchedules(
  providers: readonly ProviderId[],
  timings: Timings,
  catalogues: WorkerDeps['catalogues'] = noCatalogues,
): Plan[] {
  const upkeep: UpkeepRun = { timings }
  return [
    ...providers.map((providerId) => {
      const run: ReconcileRun = { providerId, timings }
      return plan(reconcileWorkflowId(providerId), workflowNames.reconcile, run, timings.reconcileEveryMs, timings)
    }),
    ...[...catalogues.sources.keys()].map((source) => {
      const run: CatalogueSyncRun = { source, timings }
      return plan(catalogueWorkflowId(source), workflowNames.catalogueSync, run, catalogues.everyMs, timings)
    }),
    plan(expireWorkflowId, workflowNames.expire, upkeep, timings.expireEveryMs, timings),
    plan(retentionWorkflowId, workflowNames.retention, upkeep, timings.retentionEveryMs, timings),
  ]
}

function plan(
  id: string,
  workflowType: string,
  run: ReconcileRun | UpkeepRun | CatalogueSyncRun,
  everyRunMs: number,
  timings: Timings,
): Plan {
  return {
    scheduleId: id,
    spec: { intervals: [{ every: everyRunMs }], jitter: Math.min(everyRunMs / 10, 30_000) },
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId: id,
      taskQueue: coreQueue,
      args: [run],
      workflowRunTimeout: timings.reconcileRunMs,
      workflowTaskTimeout: timings.workflowTaskMs,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  }
}

/**
 * Keeps the schedules of the installation: makes those that are missing, brings the others up to this build's timings once,
 * and deletes those of providers that are out of service and hold nothing, and of catalogues that are configured no more. One
 * that an operator paused stays paused.
 */
export function keepSchedules({
  db,
  client,
  timings,
  listener,
  log,
  catalogues,
}: Pick<WorkerDeps, 'db' | 'client' | 'timings' | 'listener' | 'log' | 'catalogues'>) {
  const current = new Set<string>()
  let keeping: Promise<void> = Promise.resolve()
  let stopping = false

  const keep = async () => {
    if (stopping) return
    const served: ProviderId[] = []
    const retired: ProviderId[] = []
    for (const { id, disabled } of await listProviders(db))
      (disabled && !(await isProviderInUse(db, id)) ? retired : served).push(id)
    const plans = plannedSchedules(served, timings, catalogues)
    for (const wanted of plans) {
      await within(client, async () => await ensure(client, wanted, !current.has(wanted.scheduleId)))
      current.add(wanted.scheduleId)
    }
    for (const id of retired) {
      await within(client, async () => await forget(client.schedule, reconcileWorkflowId(id)))
      current.delete(reconcileWorkflowId(id))
    }
    if (catalogues !== undefined)
      await within(client, async () => {
        for (const id of await forgetCatalogues(client.schedule, plans)) current.delete(id)
      })
  }
  const next = () => {
    keeping = keeping.then(keep).catch((error: unknown) => {
      log.warn({ error }, 'the schedules could not be kept; trying again')
    })
    return keeping
  }
  const unsubscribe = listener.on('carrel_provider', () => void next())
  const timer = setInterval(() => void next(), everyMs)

  return {
    /** Settles when they were looked after for the first time. */
    first: next(),
    async stop() {
      stopping = true
      clearInterval(timer)
      unsubscribe()
      await keeping
    },
  }
}

const within = async (client: Client, call: () => Promise<void>): Promise<void> => {
  await client.withDeadline(Date.now() + callTimeoutMs, call)
}

async function ensure(client: Client, wanted: Plan, renew: boolean): Promise<void> {
  try {
    await client.schedule.create(wanted)
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    if (!renew) return
    const { spec, action, policies = {} } = wanted
    await client.schedule.getHandle(wanted.scheduleId).update(({ state }) => ({ spec, action, policies, state }))
  }
}

/** What of Temporal's schedules is needed to be rid of some. */
export interface Schedules {
  list(): AsyncIterable<{ readonly scheduleId: string }>
  getHandle(scheduleId: string): { delete(): Promise<unknown> }
}

/** Deletes the schedules of catalogues that are in no plan, and returns their ids. */
export async function forgetCatalogues(
  schedules: Schedules,
  plans: readonly { readonly scheduleId: string }[],
): Promise<string[]> {
  const wanted = new Set(plans.map(({ scheduleId }) => scheduleId))
  const gone: string[] = []
  for await (const { scheduleId } of schedules.list())
    if (scheduleId.startsWith(catalogueWorkflowId('')) && !wanted.has(scheduleId)) gone.push(scheduleId)
  for (const id of gone) await forget(schedules, id)
  return gone
}

async function forget(schedules: Schedules, scheduleId: string): Promise<void> {
  try {
    await schedules.getHandle(scheduleId).delete()
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error
  }
}
