import { recordAudit } from '../../db/audit.ts'
import type { Db } from '../../db/connect.ts'
import { noteFailed } from '../../db/gate.ts'
import type { Issuer } from './issuers.ts'

interface Word {
  readonly subject: string
  /** When the issuer said it; `null`: now. */
  readonly at: Date | null
  /** Who heard it, for the audit. */
  readonly client: string
  readonly requestId: string | null
}

/** Ends at once what somebody has open and holds, of whom their issuer says that they are not in its groups any more. */
export async function withdrawAccess(db: Db, { id, provider }: Issuer, said: Word): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const withdrawn = await noteFailed(trx, { issuer: provider.issuer, subject: said.subject }, said.at)
    if (withdrawn === null) return
    await recordAudit(trx, {
      accountId: null,
      client: said.client,
      onBehalfOf: null,
      action: 'withdrawAccess',
      subject: { kind: 'account', id: withdrawn.accountId },
      outcome: 'accepted',
      requestId: said.requestId,
      detail: { issuer: id, all: withdrawn.all },
    })
  })
}
