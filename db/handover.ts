import { sql } from 'kysely'
import type { HandoverFacts, HandoverFailCode, HandoverStatus } from '../domain/handover.ts'
import type { AccountId, HandoverId, ProjectId, ProviderId } from '../domain/ids.ts'
import type { SessionKey } from '../domain/session.ts'
import type { ParameterValue, TemplateSpec } from '../domain/template.ts'
import type { Executor, Trx } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import type { StoredHandoverSpec } from './schema-handover.ts'

/** An instance as its provisioner sees it. */
export interface Handover extends HandoverFacts {
  readonly id: HandoverId
  readonly name: string
  readonly providerId: ProviderId
  readonly key: SessionKey
  readonly spec: StoredHandoverSpec
  /** Of its session; `null` where that is not known any more. */
  readonly ownerId: AccountId | null
  readonly projectId: ProjectId | null
  /** What the session's owner chose, but what is secret. */
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly template: Pick<TemplateSpec, 'doors'> | null
  /** Where its provider's endpoints may lie. */
  readonly networks: readonly string[]
  readonly words: string | null
  readonly host: string | null
  readonly code: HandoverFailCode | null
  readonly exitCode: number | null
  readonly madeAt: Date
  readonly takeBefore: Date
  readonly takenAt: Date | null
  readonly saidAt: Date | null
  readonly unwantedAt: Date | null
  readonly version: number
}

const handovers = (executor: Executor) =>
  executor
    .selectFrom('handover as h')
    .innerJoin('provider as p', 'p.id', 'h.provider_id')
    .leftJoin('session as s', 's.id', 'h.session_id')
    .leftJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .select(['h.id', 'h.name', 'h.provider_id', 'h.session_id', 'h.generation', 'h.spec', 'h.status', 'h.words'])
    .select(['h.host', 'h.code', 'h.exit_code', 'h.made_at', 'h.take_before', 'h.taken_at', 'h.said_at'])
    .select(['h.unwanted_at', 'h.gone_at', 'h.version', 'p.networks', 's.owner_id', 's.project_id', 's.parameters'])
    .select(['v.spec as template', sql<boolean>`h.sealed is not null`.as('is_sealed')])
    .select(sql<boolean>`h.take_before <= now()`.as('is_late'))
    .where('p.kind', '=', 'handover')
type Row = Awaited<ReturnType<ReturnType<typeof handovers>['executeTakeFirstOrThrow']>>

const view = (row: Row): Handover => ({
  id: row.id,
  name: row.name,
  providerId: row.provider_id,
  key: { sessionId: row.session_id, generation: row.generation },
  spec: row.spec,
  ownerId: row.owner_id,
  projectId: row.project_id,
  parameters: row.parameters ?? {},
  template: row.template,
  networks: row.networks,
  words: row.words,
  host: row.host,
  code: row.code,
  exitCode: row.exit_code,
  madeAt: row.made_at,
  takeBefore: row.take_before,
  takenAt: row.taken_at,
  saidAt: row.said_at,
  unwantedAt: row.unwanted_at,
  version: row.version,
  status: row.status,
  isLate: row.is_late,
  isUnwanted: row.unwanted_at !== null,
  isGone: row.gone_at !== null,
  isSealed: row.is_sealed,
})

const namedProvisioner = sql<string>`p.settings ->> 'provisioner'`

export interface HandoversAsk extends PageAsk {
  readonly provisioner: AccountId
  readonly status: HandoverStatus | null
  /** Only what is to go. */
  readonly unwanted: boolean
}

/** What the account's providers hand over, newest first: what may be taken, and what was and is not gone yet. */
export async function listHandovers(
  executor: Executor,
  { provisioner, status, unwanted, after, limit }: HandoversAsk,
): Promise<Page<Handover>> {
  const rows = await handovers(executor)
    .where(namedProvisioner, '=', provisioner)
    .where('h.gone_at', 'is', null)
    .where((eb) => eb.or([eb('h.status', '<>', 'wanted'), eb('h.take_before', '>', sql<Date>`now()`)]))
    .$if(status !== null, (q) => q.where('h.status', '=', status as HandoverStatus))
    .$if(unwanted, (q) => q.where('h.unwanted_at', 'is not', null))
    .$if(after !== null, (q) => q.where('h.id', '<', after as HandoverId))
    .orderBy('h.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** One of the account's providers' instances; `null`: there is none that it may know of. */
export async function getHandover(
  executor: Executor,
  provisioner: AccountId,
  id: HandoverId,
): Promise<Handover | null> {
  const row = await handovers(executor)
    .where('h.id', '=', id)
    .where(namedProvisioner, '=', provisioner)
    .executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The same, locked; and whether `claim` is what the take called itself. */
export async function lockHandover(
  trx: Trx,
  provisioner: AccountId,
  id: HandoverId,
): Promise<{ readonly handover: Handover; readonly claimHash: Buffer | null; readonly sealed: Buffer | null } | null> {
  const locked = await trx
    .selectFrom('handover')
    .select(['claim_hash', 'sealed'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  const handover = locked === undefined ? null : await getHandover(trx, provisioner, id)
  return locked === undefined || handover === null
    ? null
    : { handover, claimHash: locked.claim_hash, sealed: locked.sealed }
}

/** Notes who has it. Call with its row locked. */
export async function recordTaken(
  trx: Trx,
  id: HandoverId,
  by: { readonly accountId: AccountId; readonly claimHash: Buffer },
): Promise<void> {
  await trx
    .updateTable('handover')
    .set({ status: 'taken', taken_by: by.accountId, claim_hash: by.claimHash, taken_at: sql<Date>`now()` })
    .set({ version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
}

/** What a provisioner says of an instance, as far as it is written down. */
export interface SaidOfHandover {
  readonly status?: 'running' | 'failed' | 'ended'
  readonly words?: string
  readonly host?: string
  readonly code?: HandoverFailCode
  readonly exitCode?: number
  readonly isGone?: boolean
}

/** Writes what was said; from then on nobody is given its secrets any more. Call with its row locked. */
export async function recordSaid(trx: Trx, id: HandoverId, said: SaidOfHandover): Promise<void> {
  await trx
    .updateTable('handover')
    .set({ said_at: sql<Date>`now()`, sealed: null, version: sql<number>`version + 1` })
    .$if(said.isGone === true, (q) => q.set({ gone_at: sql<Date>`coalesce(gone_at, now())` }))
    .$if(said.status !== undefined, (q) => q.set({ status: said.status as HandoverStatus }))
    .$if(said.words !== undefined, (q) => q.set({ words: said.words as string }))
    .$if(said.host !== undefined, (q) => q.set({ host: said.host as string }))
    .$if(said.code !== undefined, (q) => q.set({ code: said.code as HandoverFailCode }))
    .$if(said.exitCode !== undefined, (q) => q.set({ exit_code: said.exitCode as number }))
    .where('id', '=', id)
    .execute()
}
