import type { Client } from '@temporalio/client'
import { sql } from 'kysely'
import type { Db } from '../../../db/connect.ts'
import { requestStop } from '../../../db/intents.ts'
import { requestPause, settledPauses } from '../../../db/pause-wishes.ts'
import { requestAbandon } from '../../../db/operations.ts'
import type { ProviderId, SessionId } from '../../../domain/ids.ts'
import type { PauseWish } from '../../../domain/pausing.ts'
import type { SessionState } from '../../../domain/lifecycle.ts'
import type { FakeAccessBackend } from '../../../ports/access/fake/backend.ts'
import type { ProofBackend } from '../backend.ts'
import type { Site } from '../balance.ts'
import { heldDesks } from './outside.ts'

/** Where sessions are led through faults: an installation whose workers go through the gate. */
export interface Ground extends Site {
  /** A provider more, which behaves as the first; a worker opens it by itself. */
  addProvider(): Promise<ProviderId>
  /** Takes one out of service: its worker closes it. */
  retireProvider(providerId: ProviderId): Promise<void>
  /** Whether the provider lets nobody begin. */
  drain(providerId: ProviderId, draining: boolean): Promise<void>
  stop(sessionId: SessionId): Promise<void>
  /** Somebody asks that it rests, or goes on. */
  askPause(sessionId: SessionId, wish: PauseWish): Promise<void>
  /** Waits until nothing is asked about its resting that is not done, or it ends. */
  untilSettled(sessionId: SessionId, withinMs: number): Promise<void>
  /** An operator gives up on its cleaning. */
  abandon(sessionId: SessionId): Promise<void>
  /** Ends what runs in the session's instance, by itself or by somebody else's hand. */
  exit(sessionId: SessionId): Promise<void>
  /** How a session ends to which that happens. */
  readonly exits: ProofBackend['exits']
  /** Puts an instance there that no row knows of; returns its name. */
  strand(sessionId: SessionId): Promise<string>
  /** Waits for a state; `null` when the time is over. */
  until(sessionId: SessionId, states: readonly SessionState[], withinMs: number): Promise<StateLine | null>
  /** What is behind the gateway outside; without it there is none. */
  readonly desks?: FakeAccessBackend | undefined
  close(): void
}

export interface StateLine {
  readonly id: string
  readonly state: SessionState
  readonly reason: string | null
}

export interface GroundDeps {
  readonly db: Db
  readonly client: Client
  readonly deploymentId: string
  readonly backend: ProofBackend
  readonly desks?: FakeAccessBackend
}

const lookEveryMs = 40
/** The provider that the further ones are like. */
const like = 'fake'

/** One look at all sessions serves all who wait for one. */
export function createGround({ db, client, deploymentId, backend, desks }: GroundDeps): Ground {
  let lines: ReadonlyMap<string, StateLine> = new Map()
  let closed = false
  let looked = Promise.withResolvers<void>()
  const looking = (async () => {
    while (!closed) {
      const rows = await db.selectFrom('session').select(['id', 'state', 'reason']).execute()
      lines = new Map(rows.map((row) => [row.id, row]))
      looked.resolve()
      looked = Promise.withResolvers()
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    }
  })()
  looking.catch((error: unknown) => looked.reject(error))
  let added = 0

  return {
    db,
    client,
    instances: async () => await backend.held(deploymentId),
    ...(desks === undefined ? {} : { desks, outside: () => heldDesks(desks) }),
    exit: async (sessionId) => await backend.exit(deploymentId, sessionId),
    exits: backend.exits,
    strand: async (sessionId) => await backend.strand(deploymentId, sessionId),
    async addProvider() {
      const id = `${like}${(added += 1)}` as ProviderId
      await db.transaction().execute(async (trx) => {
        await sql`insert into provider select * from jsonb_populate_record(null::provider,
          (select to_jsonb(p) || ${JSON.stringify({ id })}::jsonb from provider p where id = ${like}))`.execute(trx)
        for (const table of ['provider_health', 'sweep'])
          await sql`insert into ${sql.ref(table)} (provider_id) values (${id}) on conflict do nothing`.execute(trx)
        await trx.insertInto('quota').values({ payer_kind: 'provider', payer_id: id }).execute()
      })
      return id
    },
    async retireProvider(providerId) {
      await db
        .updateTable('provider')
        .set({ disabled_at: sql<Date>`now()`, version: sql<number>`version + 1` })
        .where('id', '=', providerId)
        .execute()
    },
    async drain(providerId, draining) {
      await db
        .updateTable('provider')
        .set({ draining_at: draining ? sql<Date>`now()` : null })
        .where('id', '=', providerId)
        .execute()
    },
    async stop(sessionId) {
      await db.transaction().execute(async (trx) => await requestStop(trx, sessionId, 'user'))
    },
    async askPause(sessionId, wish) {
      await db.transaction().execute(async (trx) => await requestPause(trx, sessionId, wish))
    },
    async untilSettled(sessionId, withinMs) {
      const deadline = Date.now() + withinMs
      while (Date.now() < deadline && (await settledPauses(db, [sessionId])).length === 0) await looked.promise
    },
    async abandon(sessionId) {
      await db.transaction().execute(async (trx) => await requestAbandon(trx, sessionId, { force: true }))
    },
    async until(sessionId, states, withinMs) {
      const deadline = Date.now() + withinMs
      while (Date.now() < deadline) {
        const line = lines.get(sessionId)
        if (line !== undefined && states.includes(line.state)) return line
        await looked.promise
      }
      return null
    },
    close: () => void (closed = true),
  }
}
