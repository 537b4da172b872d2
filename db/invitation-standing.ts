import { sql } from 'kysely'
import { isOver, stricter } from '../domain/authorization.ts'
import { expiry } from '../domain/deadlines.ts'
import type { InvitationId, ProjectId, SessionId } from '../domain/ids.ts'
import type { InvitationPlace, StandingFacts } from '../domain/invitation.ts'
import type { Sharing } from '../domain/template.ts'
import type { Executor } from './connect.ts'

const standings = (executor: Executor) =>
  executor
    .selectFrom('invitation as i')
    .innerJoin('project as p', 'p.id', 'i.project_id')
    .innerJoin('account as a', 'a.id', 'i.inviter_id')
    .leftJoin('session as s', 's.id', 'i.session_id')
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 'i.project_id').onRef('m.account_id', '=', 'i.inviter_id'),
    )
    .select(['i.role as offered', 'i.mode', 'i.inviter_id', 'p.closed_at', 'a.disabled_at', 'a.roles', 'm.role'])
    .select(['s.owner_id', 's.state', 's.stop_requested_at', 's.expires_at', 's.lifetime_ends_at'])
    .select(sql<Date>`clock_timestamp()`.as('now'))
type Row = Awaited<ReturnType<ReturnType<typeof standings>['executeTakeFirstOrThrow']>>

/** What the invitation stands on, of this moment. `null`: there is no such invitation. */
export async function readStanding(executor: Executor, id: InvitationId): Promise<StandingFacts | null> {
  const row = await standings(executor).where('i.id', '=', id).executeTakeFirst()
  return row === undefined ? null : standingOf(row)
}

const standingOf = (row: Row): StandingFacts => ({
  place: placeOf({ role: row.offered, mode: row.mode }),
  inviter: {
    id: row.inviter_id,
    disabled: row.disabled_at !== null,
    admin: row.roles.includes('admin'),
    projectRole: row.role,
  },
  projectClosed: row.closed_at !== null,
  session: sessionOf(row),
})

function sessionOf(row: Row): StandingFacts['session'] {
  if (row.owner_id === null || row.state === null) return null
  const ms = (date: Date | null) => date?.getTime() ?? null
  const facts = {
    state: row.state,
    stopRequestedAt: ms(row.stop_requested_at),
    expiresAt: expiry(ms(row.expires_at), ms(row.lifetime_ends_at)),
  }
  return { ownerId: row.owner_id, over: isOver(facts, row.now.getTime()) }
}

/** A row has a role or a mode, as its table demands. */
export function placeOf({ role, mode }: Pick<Row, 'mode'> & { readonly role: Row['offered'] }): InvitationPlace {
  if (role !== null) return { kind: 'project', role }
  if (mode !== null) return { kind: 'session', mode }
  throw new Error('An invitation without a role has a mode.')
}

/** To which project a session belongs, and with whom it may be shared at all. `null`: there is no such session. */
export async function sharingOf(
  executor: Executor,
  sessionId: SessionId,
): Promise<{ readonly projectId: ProjectId; readonly sharing: Sharing } | null> {
  const row = await executor
    .selectFrom('session as s')
    .innerJoin('project as p', 'p.id', 's.project_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .select(['s.project_id', 'p.sharing'])
    .select(sql<Sharing | null>`v.spec ->> 'sharing'`.as('template_sharing'))
    .where('s.id', '=', sessionId)
    .executeTakeFirst()
  if (row === undefined) return null
  return { projectId: row.project_id, sharing: stricter(row.template_sharing ?? 'off', row.sharing) }
}
