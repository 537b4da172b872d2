import { z } from '@hono/zod-openapi'
import type { Db } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { askCheck, getCheck } from '../../db/provider-checks.ts'
import type { ProviderCheck } from '../../db/provider-checks.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, CheckId, ProviderId } from '../../domain/ids.ts'
import { checkCodes } from '../../domain/provider-check.ts'
import { createOnce } from '../changes.ts'
import type { Deed } from '../env.ts'
import { id, iso, isoOrNull, nullableTime, time } from '../fields.ts'
import { notFound, Problem } from '../problem.ts'
import { readProvider } from './commands.ts'

const Finding = z
  .object({
    code: z.string().openapi({ description: `Open to growth. Today: ${checkCodes.join(', ')}.` }),
    level: z
      .string()
      .openapi({ description: '`missing`: sessions will fail for it. `warning`: some may, or will one day' }),
    about: z.string().nullable().openapi({ description: 'What it is about, by a name', example: 'create pods' }),
  })
  .openapi('CheckFinding')

export const CheckDocument = z
  .object({
    id,
    provider: id,
    requestedBy: id,
    requestedAt: time,
    startedAt: nullableTime,
    endedAt: nullableTime,
    outcome: z
      .enum(['passed', 'failed'])
      .nullable()
      .openapi({ description: '`failed`: something is missing. `passed`: nothing is; there may be warnings' }),
    findings: z.array(Finding),
  })
  .openapi('ProviderCheck')

export const presentCheck = (check: ProviderCheck): z.infer<typeof CheckDocument> => ({
  id: check.id,
  provider: check.providerId,
  requestedBy: check.requestedBy,
  requestedAt: iso(check.requestedAt),
  startedAt: isoOrNull(check.startedAt),
  endedAt: isoOrNull(check.endedAt),
  outcome: check.outcome,
  findings: check.findings.map(({ code, level, about = null }) => ({ code, level, about })),
})

/** Records that a provider is to be checked, once per key. Throws 409 of one that is out of service: nobody serves it. */
export async function requestCheck(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  asked: { readonly providerId: ProviderId; readonly requestedBy: AccountId },
): Promise<CheckId> {
  const checkId = newId('check')
  const made = await createOnce(db, deed, intent, { kind: 'check', id: checkId }, async () => {
    const { disabledAt } = await readProvider(db, asked.providerId)
    if (disabledAt !== null)
      throw new Problem('conflict', 'It is out of service. Drain it, so that nobody begins there, and enable it first.')
    return async (trx) => await askCheck(trx, { id: checkId, ...asked })
  })
  return made.id
}

/** The check of this provider. Throws 404. */
export async function readCheck(db: Db, providerId: ProviderId, checkId: CheckId): Promise<ProviderCheck> {
  const found = await getCheck(db, { id: checkId, providerId })
  if (found === null) throw notFound('check')
  return found
}
