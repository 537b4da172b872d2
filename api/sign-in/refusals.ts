import { recordAudit } from '../../db/audit.ts'
import type { AuditEntry } from '../../db/audit.ts'
import { callerKey } from '../../platform/addresses.ts'
import type { AppContext } from '../env.ts'
import { addressOf } from './address.ts'
import type { SignInDeps } from './issuers.ts'

const windowMs = 60_000
/** So many lines a minute in all, of this process: whoever has many addresses fills no audit either. */
const mostLines = 60

export interface Refusals {
  /** Whether a refusal is told; how many were not since the last that was. `null`: it is not. */
  tell(key: string): number | null
}

/** Tells one refusal of a kind a minute, and so many in all. */
export function createRefusals(now: () => number = Date.now): Refusals {
  const told = new Set<string>()
  let since = now()
  let untold = 0
  return {
    tell(key) {
      if (now() - since >= windowMs) {
        told.clear()
        since = now()
      }
      if (told.has(key) || told.size >= mostLines) {
        untold += 1
        return null
      }
      told.add(key)
      const before = untold
      untold = 0
      return before
    },
  }
}

const refusals = new WeakMap<SignInDeps, Refusals>()

/**
 * Notes in the audit that somebody was not let in: anybody may try, so of one caller, issuer and reason once a minute. All of them are
 * counted in `carrel_sign_ins_total`, and `alsoRefused` says how many came since the last line.
 */
export async function auditRefusal(
  c: AppContext,
  refused: Pick<AuditEntry, 'action' | 'client'> & {
    readonly issuer: string
    readonly code: string
    readonly accountId?: string | null
    readonly detail?: Readonly<Record<string, unknown>>
  },
): Promise<void> {
  const { issuer, accountId = null, code, detail = {} } = refused
  const { signIn: deps } = c.var.services
  if (deps === undefined) return
  const kept = refusals.get(deps) ?? createRefusals()
  refusals.set(deps, kept)
  const who = accountId ?? callerKey(addressOf(c, deps))
  const alsoRefused = kept.tell(JSON.stringify([who, issuer, refused.action, code, detail]))
  if (alsoRefused === null) return
  await recordAudit(c.var.services.db, {
    accountId,
    client: refused.client,
    onBehalfOf: null,
    action: refused.action,
    subject: { kind: 'issuer', id: issuer },
    outcome: 'refused',
    code,
    requestId: c.var.requestId,
    detail: { ...detail, ...(alsoRefused === 0 ? {} : { alsoRefused }) },
  })
}
