import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Resources } from '../domain/resources.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Trx } from './connect.ts'
import { resourceColumns, resourceNames } from './resource-columns.ts'

const names = sql.join(resourceNames.map((name) => sql.ref(name)))
/** Now, for what is held since then: whoever waited for its turn began before what it comes after. */
export const until = (reservation: string) => sql`greatest(${sql.ref(`${reservation}.reserved_at`)}, now())`
const line = sql`session_id, generation, part, account_id, project_id, provider_id, template_id, template_version, ${names},
  used_from, used_to, reason`

/**
 * Puts another vector in the place of what the generation holds, from now on; what it held until now is metered. Under the
 * session's lock. Returns whether it held anything.
 */
export async function replaceHeld(trx: Trx, key: SessionKey, held: Resources): Promise<boolean> {
  const columns = resourceColumns(held)
  const { rows } = await sql`
    with held as (select * from reservation
      where session_id = ${key.sessionId} and generation = ${key.generation} and released_at is null for update),
    metered as (insert into session_usage (${line}) ${metered} on conflict do nothing)
    update reservation r set ${sql.join(resourceNames.map((name) => sql`${sql.ref(name)} = ${columns[name]}`))},
      part = r.part + 1, reserved_at = ${until('held')}
    from held where r.session_id = held.session_id and r.generation = held.generation
    returning r.session_id`.execute(trx)
  return rows.length > 0
}

/** What the generation holds is this account's from now on; until now it is metered as whose it was. Under the session's lock. Returns whether it held anything. */
export async function handOver(trx: Trx, key: SessionKey, accountId: AccountId): Promise<boolean> {
  const { rows } = await sql`
    with held as (select * from reservation
      where session_id = ${key.sessionId} and generation = ${key.generation} and released_at is null for update),
    metered as (insert into session_usage (${line}) ${metered} on conflict do nothing)
    update reservation r set account_id = ${accountId}, part = r.part + 1, reserved_at = ${until('held')}
    from held where r.session_id = held.session_id and r.generation = held.generation
    returning r.session_id`.execute(trx)
  return rows.length > 0
}

/** What the generation holds goes over to the next one; what it held until now is metered. Under the session's lock. */
export async function handOn(trx: Trx, key: SessionKey): Promise<void> {
  await sql`
    with held as (update reservation set released_at = ${until('reservation')}
      where session_id = ${key.sessionId} and generation = ${key.generation} and released_at is null returning *),
    metered as (insert into session_usage (${line}, wall_seconds, cpu_seconds, gpu_seconds)
      select m.*, (i.usage ->> 'wallSeconds')::float8, (i.usage ->> 'cpuSeconds')::float8, (i.usage ->> 'gpuSeconds')::float8
      from (${metered}) m left join instance i on i.session_id = m.session_id and i.generation = m.generation
      on conflict do nothing)
    insert into reservation (session_id, generation, account_id, project_id, provider_id, reserved_at, ${names})
    select session_id, generation + 1, account_id, project_id, provider_id, released_at, ${names} from held`.execute(
    trx,
  )
}

const metered = sql`select held.session_id, held.generation, held.part, held.account_id, held.project_id, held.provider_id,
  s.template_id, s.template_version, ${sql.join(resourceNames.map((name) => sql.ref(`held.${name}`)))},
  held.reserved_at, ${until('held')}, null from held join session s on s.id = held.session_id`
