import { sql } from 'kysely'
import { meaningOf } from '../domain/handover.ts'
import type { HandoverMeaning } from '../domain/handover.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, HandoverId, ProviderId, SessionId } from '../domain/ids.ts'
import type { Db } from './connect.ts'
import type { StoredHandoverSpec } from './schema-handover.ts'

interface Ref {
  readonly name: string
  readonly deploymentId: string
}
interface Ask extends Ref {
  readonly sessionId: SessionId
  readonly generation: number
  readonly spec: StoredHandoverSpec
  /** JSON; sealed before it is written. */
  readonly secrets: unknown
}
interface Entry extends Ref {
  readonly sessionId: SessionId
  readonly generation: number
  readonly meaning: HandoverMeaning
  readonly ports: readonly number[]
  readonly reports: boolean
  readonly host: string | null
  readonly exitCode: number | null
  readonly detail: string
}
interface Facts {
  readonly isActive: boolean
  readonly tokenUntil: number | null
  readonly silentMs: number | null
}

/** What a provider hands over to its provisioner. `seal`: seals a text for the row of this id. */
export function createHandoverRecords(db: Db, providerId: ProviderId, seal: (id: HandoverId, text: string) => Buffer) {
  const rows = () =>
    db
      .selectFrom('handover')
      .select(['deployment_id', 'name', 'session_id', 'generation', 'spec', 'status', 'code', 'exit_code', 'words'])
      .select(['host', 'gone_at'])
      .select(sql<boolean>`take_before <= now()`.as('is_late'))
      .where('provider_id', '=', providerId)
  type Row = Awaited<ReturnType<ReturnType<typeof rows>['executeTakeFirstOrThrow']>>

  const view = (row: Row): Entry => ({
    name: row.name,
    deploymentId: row.deployment_id,
    sessionId: row.session_id,
    generation: row.generation,
    meaning: meaningOf({ status: row.status, isLate: row.is_late, isGone: row.gone_at !== null }, row),
    ports: row.spec.ports,
    reports: row.spec.reportedPorts !== null,
    host: row.host,
    exitCode: row.exit_code,
    detail: row.status === 'wanted' && row.is_late ? 'No provisioner took it in time.' : (row.words ?? ''),
  })

  async function find({ name, deploymentId }: Ref): Promise<Entry | null> {
    const row = await rows().where('deployment_id', '=', deploymentId).where('name', '=', name).executeTakeFirst()
    return row === undefined ? null : view(row)
  }

  return {
    /** Returns whether it was not there. */
    async add({ name, deploymentId, sessionId, generation, spec, secrets }: Ask, takeWithinSeconds: number) {
      const id = newId('handover')
      const added = await db
        .insertInto('handover')
        .values({
          id,
          provider_id: providerId,
          deployment_id: deploymentId,
          name,
          session_id: sessionId,
          generation,
          spec: JSON.stringify(spec),
          sealed: seal(id, JSON.stringify(secrets)),
          take_before: sql<Date>`now() + ${takeWithinSeconds}::int * interval '1 second'`,
        })
        .onConflict((c) => c.doNothing())
        .returning('id')
        .executeTakeFirst()
      return added !== undefined
    },

    find,

    /** Forgets what nobody has taken, and what its provisioner says is gone; else asks for its removal. Returns whether nothing is left. */
    async release({ name, deploymentId }: Ref): Promise<boolean> {
      // Of a take at the same moment one comes first: either it finds nothing, or this finds it taken.
      await db
        .deleteFrom('handover')
        .where('provider_id', '=', providerId)
        .where('deployment_id', '=', deploymentId)
        .where('name', '=', name)
        .where((eb) => eb.or([eb('status', '=', 'wanted'), eb('gone_at', 'is not', null)]))
        .execute()
      await db
        .updateTable('handover')
        .set({ unwanted_at: sql<Date>`now()`, sealed: null, version: sql<number>`version + 1` })
        .where('provider_id', '=', providerId)
        .where('deployment_id', '=', deploymentId)
        .where('name', '=', name)
        .where('unwanted_at', 'is', null)
        .execute()
      return (await find({ name, deploymentId })) === null
    },

    /** Those whose names come after `after`, in the order of names; at most `limit`. */
    async page(deploymentId: string, after: string, limit: number): Promise<readonly Entry[]> {
      const found = await rows()
        .where('deployment_id', '=', deploymentId)
        .where('name', '>', after)
        .orderBy('name')
        .limit(limit)
        .execute()
      return found.map(view)
    },

    /** What is known of the account that the provider names. */
    async provisioner(accountId: string): Promise<Facts> {
      const row = await db
        .selectFrom('account as a')
        .leftJoin('token as t', (join) =>
          join
            .onRef('t.account_id', '=', 'a.id')
            .on('t.revoked_at', 'is', null)
            .on(sql<boolean>`t.expires_at > now()`)
            .on(sql<boolean>`'provision' = any(t.scopes)`),
        )
        .select((eb) => [
          eb.fn.max('t.expires_at').as('until'),
          sql<number | null>`extract(epoch from now() - max(t.last_used_at))::float8 * 1000`.as('silent_ms'),
        ])
        .where('a.id', '=', accountId as AccountId)
        .where('a.disabled_at', 'is', null)
        .groupBy('a.id')
        .executeTakeFirst()
      return {
        isActive: row !== undefined,
        tokenUntil: row?.until?.getTime() ?? null,
        silentMs: row?.silent_ms ?? null,
      }
    },
  }
}
