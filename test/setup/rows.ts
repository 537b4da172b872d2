import { applyConfiguration } from '../../db/bootstrap.ts'
import { connect } from '../../db/connect.ts'
import type { Db, Trx } from '../../db/connect.ts'
import { insertSession } from '../../db/intents.ts'
import type { NewSession } from '../../db/intents.ts'
import { insertProject } from '../../db/projects.ts'
import { resourceColumns } from '../../db/resource-columns.ts'
import type { Payer } from '../../domain/admission.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProjectId, ProviderId, TemplateId } from '../../domain/ids.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { unlimited } from '../../domain/resources.ts'
import type { Limits, Resources } from '../../domain/resources.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createMigratedDatabase } from './database.ts'
import { addAccount } from './person.ts'
import { plainTemplate } from './template.ts'

/** What one session of these tests holds. */
export const one: Resources = { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 }

export interface Owner {
  readonly accountId: AccountId
  readonly projectId: ProjectId
}

export interface Rows {
  readonly url: string
  readonly db: Db
  /** A further pool on the same database, as another process has one. Closed with the rest. */
  another(poolSize?: number): Db
  provider(id: string, startLimit?: number): Promise<ProviderId>
  account(): Promise<Owner>
  project(ownerId: AccountId): Promise<ProjectId>
  /** Sets a payer's limits; what is not named is unlimited. */
  limit(payer: Payer, limits: Partial<Limits>): Promise<void>
  /** Records a wish for a session; in `trx` where one is given. */
  session(owner: Owner, over?: Partial<NewSession>, trx?: Trx): Promise<SessionKey>
  /** Writes the session's row past all rules, to set a scene. */
  scene(key: SessionKey, set: Scene): Promise<void>
  stateOf(key: SessionKey): Promise<SessionState>
  close(): Promise<void>
}

interface Scene {
  readonly state?: SessionState
  readonly generation?: number
  readonly queued_at?: Date
  readonly dispatched_at?: Date
  readonly ready_at?: Date
  readonly requested_at?: Date
  readonly state_since?: Date
}

interface RowsOptions {
  readonly poolSize?: number
  readonly startLimit?: number
  /** How long a statement of the first pool may wait and take, where what is tried is not that it takes long. */
  readonly patienceMs?: number
}

/** A migrated database of its own with the provider `fake` and the template `plain`, and what makes rows in it. */
export async function createRows({ poolSize = 10, startLimit = 5, patienceMs }: RowsOptions = {}): Promise<Rows> {
  const database = await createMigratedDatabase()
  const patience = patienceMs === undefined ? {} : { statementTimeoutMs: patienceMs, lockTimeoutMs: patienceMs }
  const pools = [connect({ url: database.url, poolSize, ...patience })]
  const db = pools[0] as Db
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit, networks: [], settings: {} }],
    templates: [{ name: 'plain', spec: plainTemplate }],
    quotaDefaults: {},
  })
  const template = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
  return {
    url: database.url,
    db,
    another(size = 10) {
      const pool = connect({ url: database.url, poolSize: size })
      pools.push(pool)
      return pool
    },
    provider: async (id, limit = 5) => await makeProvider(db, id as ProviderId, limit),
    account: async () => await addAccount(db),
    async project(ownerId) {
      const id = newId('project')
      await db
        .transaction()
        .execute(async (trx) => await insertProject(trx, { id, name: 'shared', description: '', ownerId }))
      return id
    },
    async limit(payer, limits) {
      await db
        .updateTable('quota')
        .set(resourceColumns({ ...unlimited, ...limits }))
        .where('payer_kind', '=', payer.kind)
        .where('payer_id', '=', payer.id)
        .execute()
    },
    session: async (owner, over = {}, trx) => {
      const session = { ...plainSession(template.id, owner), ...over }
      if (trx === undefined) await db.transaction().execute(async (own) => await insertSession(own, session))
      else await insertSession(trx, session)
      return { sessionId: session.id, generation: 1 }
    },
    async scene(key, set) {
      await db.updateTable('session').set(set).where('id', '=', key.sessionId).execute()
    },
    async stateOf(key) {
      const found = db.selectFrom('session').select('state').where('id', '=', key.sessionId)
      return (await found.executeTakeFirstOrThrow()).state
    },
    async close() {
      await Promise.all(pools.map(async (pool) => await pool.destroy()))
      await database.drop()
    },
  }
}

async function makeProvider(db: Db, id: ProviderId, startLimit: number): Promise<ProviderId> {
  await db.insertInto('provider').values({ id, kind: 'fake', origin: 'api', start_limit: startLimit }).execute()
  await db.insertInto('provider_health').values({ provider_id: id }).execute()
  await db.insertInto('quota').values({ payer_kind: 'provider', payer_id: id }).execute()
  return id
}

const plainSession = (templateId: TemplateId, owner: Owner): NewSession => ({
  id: newId('session'),
  ownerId: owner.accountId,
  startedBy: owner.accountId,
  client: 'test',
  projectId: owner.projectId,
  templateId,
  templateVersion: 1,
  providerId: 'fake' as ProviderId,
  name: 'a desk',
  size: 'small',
  parameters: {},
  secretParameters: null,
  mounts: [],
  resources: one,
  queueLimitSeconds: 3_600,
  startLimitSeconds: 60,
  lifetimeSeconds: 3_600,
  expiresAt: null,
})
