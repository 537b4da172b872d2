import type { SessionKey } from '../domain/session.ts'
import { sql } from 'kysely'
import type { Db } from './connect.ts'
import { until } from './parts.ts'

/**
 * Gives back what the session's generation holds, with its line of usage, which has the backend's own numbers where it counts. A
 * tombstone stays, also where nothing was held yet: an admission that comes late finds it and reserves nothing. Repeats change
 * nothing.
 */
export async function releaseReservation(db: Db, key: SessionKey): Promise<void> {
  await sql`
    with session as (select * from session where id = ${key.sessionId}),
    released as (
      insert into reservation (session_id, generation, account_id, project_id, provider_id,
        sessions, cpu_milli, memory_mib, disk_mib, gpus, released_at)
      select id, ${key.generation}::int, owner_id, project_id, provider_id, 0, 0, 0, 0, 0, now() from session
      on conflict (session_id, generation) do update set released_at = ${until('reservation')} where reservation.released_at is null
      returning *)
    insert into session_usage (session_id, generation, part, account_id, project_id, provider_id, template_id, template_version,
      sessions, cpu_milli, memory_mib, disk_mib, gpus, used_from, used_to, reason, wall_seconds, cpu_seconds, gpu_seconds)
    select r.session_id, r.generation, r.part, r.account_id, r.project_id, r.provider_id, s.template_id, s.template_version,
      r.sessions, r.cpu_milli, r.memory_mib, r.disk_mib, r.gpus, r.reserved_at, r.released_at, s.reason,
      (i.usage ->> 'wallSeconds')::float8, (i.usage ->> 'cpuSeconds')::float8, (i.usage ->> 'gpuSeconds')::float8
    from released r join session s on s.id = r.session_id
    left join instance i on i.session_id = r.session_id and i.generation = r.generation
    where r.sessions > 0
    on conflict do nothing
  `.execute(db)
}
