import type { AccountId, ProjectId, TemplateId } from '../domain/ids.ts'
import type { Candidate } from '../domain/placement.ts'
import { isVisible } from '../domain/template.ts'
import type { Executor } from './connect.ts'
import { claimOf } from './idempotency.ts'
import type { Claim, IntentKey } from './idempotency.ts'
import { candidates, choice } from './placement.ts'
import { statement } from './statement.ts'
import { templateOf } from './templates.ts'
import type { Template, TemplateRow } from './templates.ts'
import { owesTerms } from './terms.ts'

/** What a wish for a session stands on, all of one moment. No lock: who records the wish looks again at what matters. */
export interface Grounds {
  /** The account's own project. */
  readonly personalProjectId: ProjectId | null
  /** `null`: there is none that the account may see. */
  readonly template: Template | null
  /** Whether the account has yet to accept the terms of use. */
  readonly owesTerms: boolean
  /** Whether the project that was named is closed. */
  readonly isProjectClosed: boolean
  readonly candidates: readonly Candidate[]
  /** What is known of the key. `new` is no promise: only `claimKey` and `recordWish` take it. */
  readonly claim: Claim
}

type Row = { [C in keyof TemplateRow]: TemplateRow[C] | null } & {
  readonly organisation: string | null
  readonly groups: string[] | null
  readonly project_ids: ProjectId[]
  readonly personal_id: ProjectId | null
  readonly closed: boolean | null
  readonly owes_terms: boolean
  readonly candidates: Candidate[] | null
  readonly body_hmac: string | null
  readonly resource_id: string | null
}

// Whatever the tables hold when the statement is planned, a key is looked up, and not its table read.
const read = statement<Row>(`
  with w as materialized (
    select * from json_to_recordset($1::json) as w(place int, account_id text, template_id text, project_id text,
      key_account_id text, client text, operation text, key text)),
  named as materialized (
    select distinct v.spec -> 'provider' as wanted
    from w join template t on t.id = w.template_id
      join template_version v on v.template_id = t.id and v.version = t.current_version),
  ${choice}
  select a.organisation, a.groups, array(select project_id from project_member where account_id = a.id) as project_ids,
    (select id from project where personal_of = a.id) as personal_id,
    t.id, t.name, t.origin, t.current_version, t.version, t.created_at, t.deactivated_at, v.spec,
    (select closed_at is not null from project where id = w.project_id) as closed,
    ${owesTerms} as owes_terms,
    (select json_agg(c) from (${candidates}) c) as candidates,
    k.body_hmac, k.resource_id
  from w
  left join account a on a.id = w.account_id
  left join template t on t.id = w.template_id
  left join template_version v on v.template_id = t.id and v.version = t.current_version
  left join lateral (
    select body_hmac, resource_id from idempotency_key
    where account_id = w.key_account_id and client = w.client and operation = w.operation and key = w.key
    limit 1) k on true
  order by w.place`)

/** For whom grounds are read, and for what. */
export interface GroundsAsk {
  readonly accountId: AccountId
  readonly templateId: TemplateId
  readonly projectId?: ProjectId | undefined
  /** The key of who means it; `null` of who only wants to know. */
  readonly intent: IntentKey | null
}

/** Reads in one statement what is asked of, in the order of what is asked. */
export async function readGrounds(executor: Executor, asks: readonly GroundsAsk[]): Promise<Grounds[]> {
  const wanted = asks.map(({ accountId, templateId, projectId, intent }, place) => ({
    place,
    account_id: accountId,
    template_id: templateId,
    project_id: projectId,
    key_account_id: intent?.accountId,
    client: intent?.client,
    operation: intent?.operation,
    key: intent?.key,
  }))
  const rows = await read(executor, [JSON.stringify(wanted)])
  return asks.map((ask, place) => {
    const row = rows[place]
    if (row === undefined) throw new Error('An outer join has a row for each.')
    return groundsOf(row, ask)
  })
}

const groundsOf = (row: Row, { accountId, intent }: GroundsAsk): Grounds => ({
  personalProjectId: row.personal_id,
  template: visibleTemplate(row, accountId),
  owesTerms: row.owes_terms,
  isProjectClosed: row.closed ?? false,
  candidates: row.candidates ?? [],
  claim: intent === null ? { kind: 'new' } : claimOf(intent, keyOf(row)),
})

function visibleTemplate(row: Row, accountId: AccountId): Template | null {
  if (!hasTemplate(row)) return null
  const { organisation, groups, project_ids } = row
  const viewer = { accountId, organisation, groups: groups ?? [], projectIds: project_ids }
  return isVisible(row.spec.visibleTo, viewer) ? templateOf(row) : null
}

/** The columns of one that is there are set, but for the time of its end. */
const hasTemplate = (row: Row): row is Row & TemplateRow => row.id !== null && row.spec !== null

const keyOf = ({ body_hmac, resource_id }: Row) =>
  body_hmac === null || resource_id === null ? undefined : { body_hmac, resource_id }
