import { sql } from 'kysely'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Db } from './connect.ts'

interface Ref {
  readonly name: string
  readonly deploymentId: string
}
interface Entry extends Ref {
  readonly sessionId: SessionId
  readonly generation: number
}

/** The links that are held open for sessions of a provider. */
export function createLinkRecords(db: Db, providerId: ProviderId) {
  const found = ({ name, deploymentId }: Ref) =>
    sql`provider_id = ${providerId} and deployment_id = ${deploymentId} and name = ${name}`
  return {
    /** Returns whether it was not there. */
    async add({ name, deploymentId, sessionId, generation }: Entry): Promise<boolean> {
      const { rows } = await sql`
        insert into link (provider_id, deployment_id, name, session_id, generation)
        values (${providerId}, ${deploymentId}, ${name}, ${sessionId}, ${generation})
        on conflict do nothing returning name`.execute(db)
      return rows.length > 0
    },
    async has(ref: Ref): Promise<boolean> {
      const { rows } = await sql`select from link where ${found(ref)}`.execute(db)
      return rows.length > 0
    },
    async remove(ref: Ref): Promise<void> {
      await sql`delete from link where ${found(ref)}`.execute(db)
    },
    /** Those whose names come after `after`, in the order of names; at most `limit`. */
    async page(deploymentId: string, after: string, limit: number): Promise<readonly Entry[]> {
      return await db
        .selectFrom('link')
        .select(['name', 'deployment_id as deploymentId', 'session_id as sessionId', 'generation'])
        .where('provider_id', '=', providerId)
        .where('deployment_id', '=', deploymentId)
        .where('name', '>', after)
        .orderBy('name')
        .limit(limit)
        .execute()
    },
  }
}
