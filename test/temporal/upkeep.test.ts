import { ApplicationFailure } from '@temporalio/common'
import type { WorkerInterceptors } from '@temporalio/worker'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UpkeepActivities } from '../../activities/upkeep.ts'
import { admitSession } from '../../db/admission.ts'
import { endSession, toStopping } from '../../db/endings.ts'
import { coreQueue, expireWorkflowId, newId, retentionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { workflowNames } from '../../workflows/session.messages.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { ask, createStage, stateOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

type Chore = keyof UpkeepActivities
const retaining: readonly Chore[] = ['eraseAccounts', 'pruneEvents', 'pruneSessions', 'deleteSessions', 'deleteAudit']

/** What happens to the first call of a chore; every one of them to every chore is the fault matrix's. */
type Fault = 'fails before' | 'fails after its effect' | 'runs beside itself' | 'fails for good'

/** The runs of one round, and what happens in them. */
interface Round {
  readonly faults: ReadonlyMap<string, Fault>
  readonly calls: Map<string, number>
}
let round: Round
const begin = (planned: readonly (readonly [Chore, Fault])[]): Round => {
  round = { faults: new Map(planned), calls: new Map() }
  return round
}

const faulty: WorkerInterceptors = {
  activity: [
    (context) => ({
      inbound: {
        async execute(input, next) {
          const { activityType } = context.info
          const { faults, calls } = round
          const call = (calls.get(activityType) ?? 0) + 1
          calls.set(activityType, call)
          const fault = faults.get(activityType)
          if (fault === 'fails for good') throw ApplicationFailure.nonRetryable('broken', 'invalid_input')
          if (fault === undefined || call > 1) return await next(input)
          if (fault === 'fails before') throw ApplicationFailure.retryable('before', 'database_unavailable')
          const [result] = await Promise.all([next(input), fault === 'runs beside itself' ? next(input) : null])
          if (fault === 'fails after its effect') throw ApplicationFailure.retryable('after', 'database_unavailable')
          return result
        },
      },
    }),
  ],
}

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>> | undefined
beforeAll(async () => {
  stage = await createStage({ provider: createFakeProvider(), key: recordingKey })
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

/** One of each kind of thing that is due, without a workflow that could see to it. */
async function sow(): Promise<{ readonly overdue: SessionId }> {
  const { db } = stage
  const who = await addAccount(db)
  const quiet = { wake_version: 1, seen_version: 1 }
  const ended = async (days: number) => {
    const id = newId('session')
    await ask(db, who, { id })
    const key = { sessionId: id, generation: 1 }
    await admitSession(db, key)
    await toStopping(db, key, 'user')
    await endSession(db, key)
    await db
      .updateTable('session')
      .set({ ...quiet, ended_at: sql<Date>`now() - ${days}::int * interval '24 hours'` })
      .where('id', '=', id)
      .execute()
  }
  const overdue = await ask(db, await addAccount(db))
  await db
    .updateTable('session')
    .set({ ...quiet, state: 'ready', lifetime_ends_at: sql<Date>`now() - interval '2 minutes'` })
    .where('id', '=', overdue)
    .execute()
  const erased = await addAccount(db)
  await sql`update account set disabled_at = now(), erase_requested_at = now() where id = ${erased.accountId}`.execute(
    db,
  )
  await sql`insert into idempotency_key values (${who.accountId}, 'c', 'o', 'k', '', 'x', now() - interval '25 hours')`.execute(
    db,
  )
  await sql`insert into reconciliation (id, provider_id, dry_run, requested_at, started_at, ended_at, outcome)
    select ${newId('reconciliation')}, 'fake', true, at, at, at, 'done' from (select now() - interval '31 days' as at) old`.execute(
    db,
  )
  await sql`insert into drift (provider_id, kind, subject, last_seen_at)
    values ('fake', 'orphan_instance', 'x', now() - interval '31 days')`.execute(db)
  await sql`insert into outage values ('core', now() - interval '9 hours', now() - interval '8 hours')`.execute(db)
  await sql`insert into audit_event (at, action, subject_kind, outcome)
    values (now() - interval '366 days', 'old', 'test', 'accepted')`.execute(db)
  for (const days of [91, 366]) await ended(days)
  return { overdue }
}

/** How much is still there of what is due. */
async function due() {
  const { rows } = await sql<Record<string, number>>`
    select (select count(*) from session where state = 'ready' and stop_requested_at is null
          and lifetime_ends_at < now() - interval '1 minute')::int as overdue,
      (select count(*) from idempotency_key)::int as keys,
      (select count(*) from reconciliation)::int as reconciliations,
      (select count(*) from drift)::int as drift,
      (select count(*) from outage)::int as outages,
      (select count(*) from account where erase_requested_at is not null and erased_at is null)::int as accounts,
      (select count(*) from session where ended_at < now() - interval '90 days'
          and (pruned_at is null or events_pruned_at is null))::int as sessions,
      (select count(*) from session where ended_at < now() - interval '365 days')::int as old,
      (select count(*) from audit_event where action = 'old')::int as audit`.execute(stage.db)
  return rows[0]
}
const none = {
  overdue: 0,
  keys: 0,
  reconciliations: 0,
  drift: 0,
  outages: 0,
  accounts: 0,
  sessions: 0,
  old: 0,
  audit: 0,
}

async function run(kind: 'expire' | 'retention', name: string): Promise<unknown> {
  return await stage.client.workflow.execute(workflowNames[kind], {
    workflowId: `${kind === 'expire' ? expireWorkflowId : retentionWorkflowId}-${name}`,
    taskQueue: coreQueue,
    args: [{ timings: stage.timings }],
  })
}

test('both runs end with nothing left to do, though some batches fail and some run twice', async () => {
  const { overdue } = await sow()
  const { calls } = begin([
    ['stopOverdueSessions', 'runs beside itself'],
    ['forgetKeys', 'fails before'],
    ['forgetReconciliations', 'fails after its effect'],
    ['eraseAccounts', 'fails after its effect'],
    ['pruneEvents', 'fails before'],
    ['deleteSessions', 'runs beside itself'],
  ])
  worker = await stage.startWorkers(['core'], { interceptors: faulty })
  const [expired, retained] = await Promise.all([run('expire', 'first'), run('retention', 'first')])
  expect(expired).toMatchObject({ left: [], done: { forgetKeys: 1, forgetDrift: 1, forgetOutages: 1 } })
  expect(retained).toMatchObject({ left: [], done: { pruneSessions: 2, deleteAudit: 1 } })
  await record(stage.client, 'expire-experiments', `${expireWorkflowId}-first`)
  await record(stage.client, 'retention', `${retentionWorkflowId}-first`)
  expect(await due()).toEqual(none)
  for (const chore of ['forgetKeys', 'forgetReconciliations', 'pruneEvents'])
    expect(calls.get(chore), chore).toBeGreaterThan(1)
  // Nobody looked after it; now that it is to end, somebody does.
  await until(stage.db, overdue, ['stopped'])
  expect((await stateOf(stage.db, overdue)).reason).toBe('expired')
})

test('a chore that fails for good keeps no other from its turn, and the run fails with it', async () => {
  await sow()
  const { calls } = begin([['eraseAccounts', 'fails for good']])
  await expect(run('retention', 'broken')).rejects.toThrow('failed')
  expect(retaining.filter((chore) => !calls.has(chore))).toEqual([])
  expect(await due()).toMatchObject({ accounts: 1, sessions: 0, old: 0, audit: 0 })
  begin([])
  expect(await run('retention', 'mended')).toMatchObject({ done: { eraseAccounts: 1 }, left: [] })
  expect(await due()).toMatchObject({ accounts: 0 })
})
