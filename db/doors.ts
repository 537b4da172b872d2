import { expiry } from '../domain/deadlines.ts'
import type { AccountId, ProjectId, SessionId } from '../domain/ids.ts'
import type { ProjectRole, UseFacts } from '../domain/authorization.ts'
import type { DoorMode, DoorSpec, ParameterValue } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Executor } from './connect.ts'
import { holdsData, mayHaveData } from './data-rights.ts'
import type { StoredEndpoint } from './schema.ts'

/** What opening a door of a session by an account is decided from. `secret` is still encrypted. */
export interface DoorFacts {
  readonly use: UseFacts
  readonly account: { readonly id: string; readonly disabledAt: number | null }
  readonly projectRole: ProjectRole | null
  readonly collaborator: DoorMode | null
  readonly mayHaveData: boolean
  readonly doors: Readonly<Record<string, DoorSpec>>
  /** Of a session that is a link: where it leads, and what that may name. */
  readonly link: {
    readonly url: string
    readonly projectId: ProjectId
    readonly parameters: Readonly<Record<string, ParameterValue>>
  } | null
  readonly instance: {
    readonly key: SessionKey
    readonly endpoints: readonly StoredEndpoint[]
    readonly secret: Buffer
  } | null
}

/** Reads it all in one statement: the facts are of one moment. */
export async function doorFacts(executor: Executor, id: SessionId, accountId: AccountId): Promise<DoorFacts | null> {
  const row = await executor
    .selectFrom('session as s')
    .innerJoin('account as a', (join) => join.on('a.id', '=', accountId))
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .innerJoin('project as p', 'p.id', 's.project_id')
    .innerJoin('provider as r', 'r.id', 's.provider_id')
    .leftJoin('collaborator as c', (join) => join.onRef('c.session_id', '=', 's.id').on('c.account_id', '=', accountId))
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 's.project_id').on('m.account_id', '=', accountId),
    )
    .leftJoin('project_member as o', (join) =>
      join.onRef('o.project_id', '=', 's.project_id').onRef('o.account_id', '=', 's.owner_id'),
    )
    .leftJoin('instance as i', (join) =>
      join
        .onRef('i.session_id', '=', 's.id')
        .onRef('i.generation', '=', 's.generation')
        .on('i.tombstoned_at', 'is', null),
    )
    .select(['s.state', 's.owner_id', 's.stop_requested_at', 's.expires_at', 's.lifetime_ends_at'])
    .select([holdsData.as('holds_data'), mayHaveData('a.id').as('may_have_data')])
    .select([mayHaveData('s.owner_id', 'workers').as('owner_may_have_data')])
    .select(['s.project_id', 's.parameters', 'r.kind as provider_kind'])
    .select([
      'a.disabled_at',
      'm.role',
      'o.role as owner_role',
      'c.mode',
      'p.sharing',
      'v.spec',
      'i.endpoints',
      'i.secret',
      'i.generation',
    ])
    .where('s.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return null
  const { endpoints, secret, generation } = row
  const url = row.provider_kind === 'link' ? row.spec.backend?.link?.url : undefined
  return {
    use: {
      state: row.state,
      ownerId: row.owner_id,
      ownerRole: row.owner_role,
      stopRequestedAt: row.stop_requested_at?.getTime() ?? null,
      ownerMayHaveData: row.owner_may_have_data,
      expiresAt: expiry(row.expires_at?.getTime() ?? null, row.lifetime_ends_at?.getTime() ?? null),
      sharing: {
        template: row.spec.sharing ?? 'off',
        project: row.sharing,
        holdsData: row.holds_data,
      },
    },
    account: { id: accountId, disabledAt: row.disabled_at?.getTime() ?? null },
    projectRole: row.role,
    collaborator: row.mode,
    mayHaveData: row.may_have_data,
    doors: row.spec.doors,
    link: url === undefined ? null : { url, projectId: row.project_id, parameters: row.parameters },
    instance:
      endpoints === null || secret === null || generation === null
        ? null
        : { key: { sessionId: id, generation }, endpoints, secret },
  }
}
