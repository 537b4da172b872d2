import type { Executor } from './connect.ts'

/** Who did what to what. `accountId` is who acted, `onBehalfOf` for whom; ids and codes only, never a secret; and what an operator's command says. */
export interface AuditEntry {
  readonly accountId: string | null
  readonly client: string | null
  readonly onBehalfOf: string | null
  readonly action: string
  readonly subject: { readonly kind: string; readonly id: string | null }
  readonly outcome: 'accepted' | 'refused'
  readonly code?: string
  readonly requestId: string | null
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Appends a line to the audit. An accepted change passes its own transaction, so that neither is there without the other. */
export async function recordAudit(executor: Executor, entry: AuditEntry): Promise<void> {
  await executor
    .insertInto('audit_event')
    .values({
      account_id: entry.accountId,
      client: entry.client,
      on_behalf_of: entry.onBehalfOf,
      action: entry.action,
      subject_kind: entry.subject.kind,
      subject_id: entry.subject.id,
      outcome: entry.outcome,
      code: entry.code ?? null,
      request_id: entry.requestId,
      detail: JSON.stringify(entry.detail ?? {}),
    })
    .execute()
}
