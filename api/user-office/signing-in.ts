import type { SignInFailure } from '../../domain/sign-in.ts'
import { recordAudit } from '../../db/audit.ts'
import type { Recognised } from '../../ports/identity/user-office.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { signInAs } from '../sign-in/complete.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'
import { untilNextStep } from './attempts.ts'
import type { UserOfficeDeps } from './office.ts'

export const officeId = 'user-office'

export interface Way {
  readonly signIn: SignInDeps
  readonly deps: UserOfficeDeps
}

/** Signs a browser in as whom the user office says that it is: nothing else says who that is. Throws why not. */
export async function signInBy(c: AppContext, { signIn, deps }: Way, ask: () => Promise<Recognised>): Promise<void> {
  const begun = performance.now()
  const recognised = await ask()
  if (recognised.kind === 'unavailable') {
    c.var.services.log.warn({ issuer: officeId, detail: recognised.detail }, 'The user office cannot be asked.')
    throw new Problem('user_office_unavailable', 'The user office does not answer. Try again in a while.')
  }
  if (recognised.kind === 'refused') {
    await auditRefusal(c, 'sign_in_refused')
    await untilNextStep(begun, deps.refusalMs)
    throw new Problem('sign_in_refused', 'The user office does not know this name with this password.')
  }
  const failure = await signInAs(c, signIn, deps, {
    issuerId: officeId,
    claims: {
      issuer: deps.issuer,
      subject: recognised.officeLogin,
      displayName: recognised.officeLogin,
      email: null,
      emailVerified: false,
      organisation: null,
      groups: [],
      officeLogin: recognised.officeLogin,
      posix: null,
    },
  })
  if (failure === null) return
  await auditRefusal(c, failure)
  throw refusalOf(failure)
}

function refusalOf(failure: SignInFailure): Problem {
  if (failure === 'account_disabled')
    return new Problem('sign_in_forbidden', 'This account is disabled. Ask those who run this site.')
  return new Problem('sign_in_forbidden', 'Nobody has given you an account here yet. Ask those who run this site.')
}

/** Not under which name: people type their passwords into the wrong field. */
async function auditRefusal(c: AppContext, code: string): Promise<void> {
  await recordAudit(c.var.services.db, {
    accountId: null,
    client: 'browser',
    onBehalfOf: null,
    action: 'signIn',
    subject: { kind: 'issuer', id: officeId },
    outcome: 'refused',
    code,
    requestId: c.var.requestId,
  })
}
