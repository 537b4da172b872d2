import { coreQueue, newId } from '../../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../../domain/ids.ts'
import type { Timings } from '../../../domain/timings.ts'
import { workflowNames } from '../../../workflows/session.messages.ts'
import type { ReconcileRun, UpkeepRun } from '../../../workflows/session.messages.ts'
import { chores, planning } from './chores.ts'
import type { Chore, ChoreName } from './chores.ts'
import type { Desk } from './desk.ts'
import type { Fault } from './faults.ts'
import type { Ground } from './ground.ts'
import { settleMs, within } from './run-case.ts'
import type { Verdict } from './run-case.ts'

export interface ChoreRun {
  readonly ground: Ground
  readonly desk: Desk
  readonly providerId: ProviderId
  readonly timings: Timings
  /** A session that lives, and must go on living. */
  readonly live: SessionId
  readonly boundMs: number
  readonly planned?: (planned: ReturnType<Desk['plan']>) => void
}

/** A batch of the upkeep may take as long as several transactions, and its next try comes when that is over. */
const upkeepTransactionMs = 250

/** Leads one run of a chore through one fault, to its end. Throws nothing of what it finds. */
export async function runChore(run: ChoreRun, activity: ChoreName, fault: Fault): Promise<Verdict> {
  const { ground, desk, providerId, live, boundMs } = run
  const chore: Chore = chores[activity]
  const began = performance.now()
  const prepared = (await chore.prepare?.(ground, live)) ?? null
  const id = newId('session')
  const planned = desk.plan({ subject: id, activity, fault, lead: planning(prepared?.action ?? null) })
  run.planned?.(planned)
  const timings = { ...run.timings, databaseTimeoutMs: upkeepTransactionMs }
  const input: ReconcileRun | UpkeepRun =
    chore.workflow === 'reconcile' ? { providerId, timings: run.timings } : { timings }
  const handle = await ground.client.workflow.start(workflowNames[chore.workflow], {
    workflowId: `${chore.workflow}/${id}`,
    taskQueue: coreQueue,
    args: [input],
  })
  const result = handle.result().then(
    () => 'completed',
    () => 'failed',
  )
  const how = await within(result, boundMs)
  const { status } = await handle.describe()
  planned.setOver()
  if (planned.hasHappened() && fault.deadly !== true) await within(planned.left, settleMs)
  const state = await ground.db.selectFrom('session').select('state').where('id', '=', live).executeTakeFirst()
  const wasCancelled = status.name === 'CANCELLED' && fault.cancels === true
  return {
    id,
    name: `${activity} ${fault.name}`,
    tookMs: performance.now() - began,
    leaks: [
      ...(how === null ? [`${chore.workflow}/${id} is still open`] : []),
      ...(wasCancelled ? [] : ((await prepared?.breaches?.()) ?? [])),
      ...(state?.state === 'ready' ? [] : [`${live} is ${String(state?.state)}: it was nobody’s business`]),
    ],
    faults: [
      ...(planned.hasHappened() ? [] : [`its run never called ${activity}, or not so far`]),
      ...(fault.repeats === true && planned.calls() < 2 ? [`${activity} was not called again`] : []),
      ...(how === null || status.name === 'COMPLETED' || wasCancelled ? [] : [`its run ended ${status.name}`]),
    ],
  }
}
