import { booksOf } from '../../db/admission.ts'
import type { Db } from '../../db/connect.ts'
import { expectedWait } from '../../db/dispatch.ts'
import { readMaintenance } from '../../db/maintenance.ts'
import { freeSlot, providerGate } from '../../db/provider-gate.ts'
import { admit } from '../../domain/admission.ts'
import type { Payer } from '../../domain/admission.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import type { AccountId, ProviderId } from '../../domain/ids.ts'
import type { Services } from '../deps.ts'
import { planSession } from '../sessions/plan.ts'
import type { Ask } from '../sessions/plan.ts'
import { codeOf } from '../user-office/own-resources.ts'
import type { Preview } from './schemas.ts'

/** What would come of asking for this session now. Changes nothing and promises nothing: others may ask first. */
export async function previewSession(
  { db, settings, readGrounds, userOffice }: Pick<Services, 'db' | 'settings' | 'readGrounds' | 'userOffice'>,
  accountId: AccountId,
  ask: Ask,
): Promise<Preview> {
  const { templateId, projectId } = ask
  const grounds = await readGrounds({ accountId, templateId, projectId, intent: null })
  const plan = await planSession(db, grounds, ask, { accountId, access: settings.access ?? defaultAccessRule })
  const standing = plan.experiment === undefined ? await userOffice?.ownResources?.of(db, accountId) : undefined
  const payers: Payer[] = [
    { kind: 'account', id: accountId },
    { kind: 'project', id: plan.projectId },
    { kind: 'provider', id: plan.providerId },
  ]
  const books = await booksOf(db, payers)
  const admission = admit(books, plan.resources)
  const { maintenance } = await readMaintenance(db)
  // Until when it lasts is a hope, not a time to count on.
  const expectedWaitSeconds = maintenance === null ? await waitAt(db, plan.providerId) : null
  // As starting one asks, in this order; what its quotas allow is decided last.
  const refusal = grounds.owesTerms
    ? 'terms_not_accepted'
    : (codeOf(standing ?? 'authorized') ?? (maintenance === null ? null : 'maintenance'))
  return { plan, books, admission, maintenance, refusal, expectedWaitSeconds }
}

async function waitAt(db: Db, providerId: ProviderId): Promise<number | null> {
  const gate = await providerGate(db, providerId)
  const waitingFor = freeSlot(gate)
  if (waitingFor === null) return 0
  // While a provider is away nobody knows when it comes back.
  return waitingFor === 'provider_unavailable' ? null : await expectedWait(db, providerId, gate.queued)
}
