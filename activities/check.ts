import type { CheckId, ProviderId } from '../domain/ids.ts'
import type { CheckFinding } from '../domain/provider-check.ts'
import type { TemplateSpec } from '../domain/template.ts'
import type { Timings } from '../domain/timings.ts'
import type { Db } from '../db/connect.ts'
import { beginCheck, concludeCheck } from '../db/provider-checks.ts'
import { readOpenFault, templatesAt } from '../db/provider-standing.ts'
import type { CheckedTemplate, ComputeProvider } from '../ports/compute/provider.ts'
import { alive } from './alive.ts'

export interface CheckDeps {
  readonly db: Db
  readonly providerId: ProviderId
  readonly provider: ComputeProvider
  readonly deploymentId: string
}

/** More templates than this are not looked for. */
const mostTemplates = 200

/** Looks what is missing at a provider. Changes nothing there. */
export function createCheckActivities({ db, providerId, provider, deploymentId }: CheckDeps) {
  return {
    /** Has the driver look, and keeps what it found in the check's row. Repeats of one that ended change nothing. */
    async checkProvider({ checkId, timings }: { readonly checkId: string; readonly timings: Timings }): Promise<void> {
      const id = checkId as CheckId
      if (!(await beginCheck(db, id))) return
      const templates = (await templatesAt(db, providerId, mostTemplates)).map(checkedOf)
      const findings = await alive(timings, async (call): Promise<readonly CheckFinding[]> => {
        if (provider.check === undefined) return [{ code: 'not_checked', level: 'warning' }]
        return await provider.check({ deploymentId, templates }, call)
      })
      await concludeCheck(db, id, findings)
    },
  }
}

const checkedOf = ({ image, sizes, egress, backend = {} }: TemplateSpec): CheckedTemplate => ({
  image,
  egress,
  terms: backend,
  sizes: Object.entries(sizes).map(([name, size]) => ({ name, ...size })),
})

export type CheckActivities = ReturnType<typeof createCheckActivities>

/** The books of checks, for those that no provider's worker carries out. */
export function createCheckBooksActivities({ db }: Pick<CheckDeps, 'db'>) {
  return {
    /** Ends a check that was not carried out, and says why nobody serves the provider, where that is known. */
    async abandonCheck(end: {
      readonly checkId: string
      readonly providerId: string
      readonly code: 'unserved' | 'check_failed'
    }): Promise<void> {
      const fault = await readOpenFault(db, end.providerId as ProviderId)
      const codes = fault === null ? [end.code] : [fault, end.code]
      await concludeCheck(
        db,
        end.checkId as CheckId,
        codes.map((code): CheckFinding => ({ code, level: 'missing' })),
      )
    },
  }
}

export type CheckBooksActivities = ReturnType<typeof createCheckBooksActivities>
