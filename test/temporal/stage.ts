import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { NativeConnection } from '@temporalio/worker'
import { Connection, Client } from '@temporalio/client'
import { pino } from 'pino'
import Long from 'long'
import { inject } from 'vitest'
import { applyConfiguration } from '../../db/bootstrap.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { readSessionEvents } from '../../db/events.ts'
import { readInstallation } from '../../db/installation.ts'
import { insertSession, requestStop } from '../../db/intents.ts'
import type { NewSession } from '../../db/intents.ts'
import { createListener } from '../../db/listen.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId, ProviderId, SessionId } from '../../domain/ids.ts'
import type { SessionState, StopReason } from '../../domain/lifecycle.ts'
import { withTimings } from '../../domain/timings.ts'
import type { Timings } from '../../domain/timings.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import type { Key } from '../../platform/config.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets } from '../../platform/secrets.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { registerSearchAttributes } from '../../stack/search-attributes.ts'
import type { WorkerDeps } from '../../worker/deps.ts'
import { rolesOf } from '../../worker/roles.ts'
import { startWorker } from '../../worker/worker.ts'
import { createMigratedDatabase } from '../setup/database.ts'
import { plainTemplate } from '../setup/template.ts'
import type { hearReports } from './reports-on-stage.ts'
import { installRuntime } from './runtime.ts'

installRuntime()

/** Longer than anything takes that is not stuck, on a machine that runs several test files at once. */
const patientMs = 60_000

/** Timings with which a test sees in a second what a site sees in an hour. */
export const quick: Partial<Timings> = {
  databaseRetryMs: 50,
  providerRetryMs: 100,
  providerRetryMaxMs: 1_000,
  heartbeatMs: 3_000,
  observeBusyMs: 200,
  observeIdleMs: 300,
  observeRunMs: 60_000,
  breakerMs: 500,
  dispatchEveryMs: 1_000,
}

const neverMs = 100 * 365 * 86_400_000
/**
 * Schedules go by the clock on the wall: what they began on the hour, or every five minutes, would now and then come between
 * the steps of a test. A test that wants a run of theirs triggers it.
 */
export const unscheduled = {
  reconcileEveryMs: neverMs,
  expireEveryMs: neverMs,
  retentionEveryMs: neverMs,
} satisfies Partial<Timings>

export interface StageOptions {
  readonly provider: ComputeProvider
  readonly timings?: Partial<Timings>
  readonly startLimit?: number
  /** Where its instances may be reached. */
  readonly networks?: readonly string[]
  readonly template?: Partial<TemplateSpec>
  /** How instances that report their ports reach this machine; they are on it unless somebody says so. */
  readonly here?: string | null
  /** Random unless named. */
  readonly key?: Key
}

type Variant = Pick<
  WorkerDeps,
  | 'interceptors'
  | 'workflowBundle'
  | 'inactivePatches'
  | 'version'
  | 'graceMs'
  | 'openAccess'
  | 'mail'
  | 'blindLimits'
  | 'countUnnamed'
  | 'countUnverified'
  | 'catalogues'
>
interface WorkerOptions extends Variant {
  readonly openProvider?: WorkerDeps['openProvider']
}

/** A database, a Temporal namespace of its own, and one provider, `fake` by its row: the spine without its api. */
export async function createStage(options: StageOptions) {
  const {
    provider,
    timings = {},
    startLimit = 10,
    networks = ['127.0.0.1/32'],
    template = {},
    here = null,
    key,
  } = options
  const database = await createMigratedDatabase()
  const db = connect({ url: database.url, poolSize: 20 })
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit, networks, settings: {} }],
    templates: [{ name: 'trivial', spec: { ...plainTemplate, ...template } }],
    quotaDefaults: {},
  })
  const { deploymentId } = await readInstallation(db)
  const keyring = createKeyring([key ?? { id: 'k1', secret: randomBytes(32) }])
  const foreign: string[] = []
  const dataConverter = createDataConverter(keyring, (reason) => foreign.push(reason))
  const namespace = `t${randomBytes(6).toString('hex')}`
  const address = inject('temporalAddress')
  const listener = createListener(database.url)
  const connection = await Connection.connect({ address })
  await makeNamespace(connection, namespace)
  const client = new Client({ connection, namespace, dataConverter })
  const native = await NativeConnection.connect({ address })
  const all = withTimings({ ...quick, ...unscheduled, ...timings })
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' })
  const failures: unknown[] = []
  const reports = template.reportedPorts === undefined ? null : await heard({ db, keyring, listener }, here)

  const startWorkers = async (
    roles: readonly string[] = ['core', 'provider/*'],
    { openProvider = () => provider, ...variant }: WorkerOptions = {},
  ) =>
    await startWorker(
      {
        db,
        listener,
        connection: native,
        client,
        namespace,
        dataConverter,
        timings: all,
        secrets: createSecrets(keyring),
        deploymentId,
        openProvider,
        ...(reports === null ? {} : { reportUrl: reports.url }),
        log,
        workflowBundle: { code: readFileSync(inject('workflowBundle'), 'utf8') },
        ...variant,
      },
      rolesOf(roles),
      (error) => failures.push(error),
    )

  return {
    db,
    url: database.url,
    client,
    deploymentId,
    timings: all,
    keyring,
    listener,
    foreign,
    failures,
    namespace,
    startWorkers,
    async close() {
      await reports?.close()
      await listener.close()
      await native.close()
      await connection.close()
      await db.destroy()
      await database.drop()
    },
  }
}
/** The api, which no other stage needs: it takes its time to be read. */
const heard: typeof hearReports = async (...asked) =>
  await (await import('./reports-on-stage.ts')).hearReports(...asked)

/** Stages run side by side on one server: each has a namespace of its own. */
async function makeNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: Long.fromNumber(86_400) },
  })
  await registerSearchAttributes(connection, namespace)
}

export type Stage = Awaited<ReturnType<typeof createStage>>

/** Records that the account wants a session of the one template. */
export async function ask(
  db: Db,
  who: { readonly accountId: AccountId; readonly projectId: ProjectId },
  over: Partial<NewSession> = {},
): Promise<SessionId> {
  const template = await db
    .selectFrom('template as t')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 't.id').onRef('v.version', '=', 't.current_version'),
    )
    .select(['t.id', 't.current_version', 'v.spec'])
    .executeTakeFirstOrThrow()
  const { defaultSize: size, sizes, startLimitSeconds, lifetimeSeconds } = template.spec
  const id = newId('session')
  await db.transaction().execute(async (trx) => {
    await insertSession(trx, {
      id,
      ownerId: who.accountId,
      startedBy: who.accountId,
      client: 'test',
      projectId: who.projectId,
      templateId: template.id,
      templateVersion: template.current_version,
      providerId: 'fake' as ProviderId,
      name: 'a desk',
      size,
      parameters: {},
      secretParameters: null,
      mounts: [],
      // A template's default size is one of its sizes.
      resources: { sessions: 1, ...sizes[size]! },
      queueLimitSeconds: 3600,
      startLimitSeconds,
      lifetimeSeconds,
      expiresAt: null,
      ...over,
    })
  })
  return id
}

export async function stop(db: Db, id: SessionId, reason: StopReason = 'user'): Promise<void> {
  await db.transaction().execute(async (trx) => await requestStop(trx, id, reason))
}

export async function stateOf(db: Db, id: SessionId) {
  return await db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

/** Waits until the session is in one of the states; says where it was instead when the time is over. */
export async function until(
  db: Db,
  id: SessionId,
  states: readonly SessionState[],
  withinMs = patientMs,
): Promise<void> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const row = await stateOf(db, id)
    if (states.includes(row.state)) return
    if (Date.now() > deadline) throw new Error(`${id} is ${row.state} (${row.reason}), not ${states.join(' or ')}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** The states that the session went through, as its history tells them, each with its reason where it has one. */
export async function storyOf(db: Db, id: SessionId): Promise<string[]> {
  const events = await readSessionEvents(db, id, 0, 1_000)
  return events
    .filter((e) => e.type === 'session.state')
    .map((e) => [e.data['state'], e.data['reason'] ?? e.data['waitingFor']].filter((x) => x !== undefined).join(':'))
}

/** Waits for a condition, and says what it was waiting for when the time is over. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  withinMs = patientMs,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not come true within ${withinMs} ms that ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** How many reservations the session holds. */
export async function held(db: Db, id: SessionId): Promise<number> {
  const rows = await db
    .selectFrom('reservation')
    .select('session_id')
    .where('session_id', '=', id)
    .where('released_at', 'is', null)
    .execute()
  return rows.length
}
