import { sql } from 'kysely'
import { expiry } from '../domain/deadlines.ts'
import type { PassFacts } from '../domain/door-verdict.ts'
import type { DoorSpec, Sharing } from '../domain/template.ts'
import type { Executor } from './connect.ts'
import { passMayAct } from './identity-standing.ts'
import { holdsData, mayHaveData } from './data-rights.ts'

/** Everything of passes that decides what they are worth, and what is reached through them, as one statement reads it. */
export const passRows = (executor: Pick<Executor, 'selectFrom'>) =>
  executor
    .selectFrom('door_pass as p')
    .innerJoin('session as s', 's.id', 'p.session_id')
    .innerJoin('project as pr', 'pr.id', 's.project_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .innerJoin('account as a', 'a.id', 'p.account_id')
    .innerJoin('token as k', 'k.id', 'p.token_id')
    .innerJoin('account as h', 'h.id', 'k.account_id')
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 's.project_id').onRef('m.account_id', '=', 'p.account_id'),
    )
    .leftJoin('project_member as o', (join) =>
      join.onRef('o.project_id', '=', 's.project_id').onRef('o.account_id', '=', 's.owner_id'),
    )
    .leftJoin('collaborator as c', (join) =>
      join.onRef('c.session_id', '=', 'p.session_id').onRef('c.account_id', '=', 'p.account_id'),
    )
    .select(['p.id', 'p.session_id', 'p.door', 'p.mode', 'p.account_id', 'p.expires_at', 'p.ended_at'])
    .select(['s.state', 's.owner_id', 's.stop_requested_at', holdsData.as('holds_data')])
    .select([mayHaveData('p.account_id').as('may_have_data')])
    .select([mayHaveData('s.owner_id', 'workers').as('owner_may_have_data')])
    .select(['s.expires_at as session_expires_at', 's.lifetime_ends_at', 'pr.sharing as project_sharing'])
    .select([
      'a.disabled_at',
      'k.revoked_at',
      'k.expires_at as token_expires_at',
      'h.disabled_at as holder_disabled_at',
    ])
    .select([passMayAct({ account: 'p.account_id', holder: 'k.account_id', issuer: 'k.issuer' }).as('may_act')])
    .select(['m.role', 'o.role as owner_role', 'c.mode as collaborator'])
    .select([
      sql<DoorSpec | null>`v.spec -> 'doors' -> p.door`.as('spec'),
      sql<Sharing | null>`v.spec ->> 'sharing'`.as('template_sharing'),
      sql<Date>`now()`.as('now'),
    ])

export type PassRow = Awaited<ReturnType<ReturnType<typeof passRows>['executeTakeFirstOrThrow']>>

const ms = (date: Date | null): number | null => date?.getTime() ?? null

/** When the session ends at the latest, ms. */
export const sessionExpiry = (row: Pick<PassRow, 'session_expires_at' | 'lifetime_ends_at'>): number | null =>
  expiry(ms(row.session_expires_at), ms(row.lifetime_ends_at))

export const factsOf = (row: PassRow): PassFacts => ({
  pass: { mode: row.mode, expiresAt: row.expires_at.getTime(), ended: row.ended_at !== null },
  token: {
    revokedAt: ms(row.revoked_at),
    expiresAt: row.token_expires_at.getTime(),
    holderDisabledAt: ms(row.holder_disabled_at),
    mayAct: row.may_act,
  },
  account: { id: row.account_id, disabledAt: ms(row.disabled_at) },
  membership: { projectRole: row.role, collaborator: row.collaborator, mayHaveData: row.may_have_data },
  session: {
    state: row.state,
    ownerId: row.owner_id,
    ownerRole: row.owner_role,
    stopRequestedAt: ms(row.stop_requested_at),
    expiresAt: sessionExpiry(row),
    ownerMayHaveData: row.owner_may_have_data,
    sharing: {
      template: row.template_sharing ?? 'off',
      project: row.project_sharing,
      holdsData: row.holds_data,
    },
  },
  door: row.spec,
  now: row.now.getTime(),
})
