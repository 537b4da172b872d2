import type { ErrorCode } from '../../domain/errors.ts'
import type { IdentityClaims, SignInFailure } from '../../domain/sign-in.ts'
import type { Recognised } from '../../ports/identity/user-office.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { linkAs, signInAs } from '../sign-in/complete.ts'
import { auditRefusal } from '../sign-in/refusals.ts'
import { untilNextStep } from './attempts.ts'
import type { UserOfficeDeps } from './office.ts'
import type { Way } from './ways.ts'

export const officeId = 'user-office'

type Asking = () => Promise<Recognised>

/** Signs a browser in as whom the user office says that it is: nothing else says who that is. Throws why not. */
export async function signInBy(c: AppContext, way: Way, ask: Asking): Promise<void> {
  const claims = await recognised(c, way.deps, ask, 'signIn')
  const failure = await signInAs(c, way.signIn, way.deps, { issuerId: officeId, claims })
  if (failure === null) return
  await refuse(c, 'signIn', failure)
  throw refusalOf(failure)
}

/** Has whoever is signed in be whom the user office says that they are, too. Throws why not; the audit has refusals from elsewhere. */
export async function linkBy(c: AppContext, { deps }: Pick<Way, 'deps'>, ask: Asking): Promise<void> {
  const claims = await recognised(c, deps, ask, 'linkOwnIdentity')
  const failure = await linkAs(c, deps, { issuerId: officeId, claims })
  if (failure !== null) throw refusalOf(failure)
}

type Action = 'signIn' | 'linkOwnIdentity'

/** What the user office says of whoever asks. Throws 401, no sooner for the one reason than for another, and 503. */
async function recognised(c: AppContext, deps: UserOfficeDeps, ask: Asking, action: Action): Promise<IdentityClaims> {
  const begun = performance.now()
  const answer = await ask()
  if (answer.kind === 'unavailable') {
    c.var.services.log.warn({ issuer: officeId, detail: answer.detail }, 'The user office cannot be asked.')
    throw new Problem('user_office_unavailable', 'The user office does not answer. Try again in a while.')
  }
  if (answer.kind === 'refused') {
    await refuse(c, action, 'sign_in_refused')
    await untilNextStep(begun, deps.refusalMs)
    throw new Problem('sign_in_refused', 'The user office does not know this name with this password.')
  }
  const { officeLogin } = answer
  return {
    issuer: deps.issuer,
    subject: officeLogin,
    displayName: officeLogin,
    email: null,
    emailVerified: false,
    organisation: null,
    groups: [],
    officeLogin,
    posix: null,
  }
}

type Refusal = readonly [ErrorCode, string]
const notAdmitted: Refusal = ['sign_in_forbidden', 'You may not come in by this here yet. Ask those who run this site.']
const refusals: Partial<Record<SignInFailure, Refusal>> = {
  account_disabled: ['sign_in_forbidden', 'This account is disabled. Ask those who run this site.'],
  identity_taken: [
    'identity_taken',
    "This is another account's at the user office. Ask those who run this site which it is.",
  ],
  too_many_identities: ['conflict', 'Your account has as many identities as it may have.'],
  not_signed_in: ['unauthenticated', 'You are signed in no more. Sign in anew.'],
}

const refusalOf = (failure: SignInFailure): Problem => new Problem(...(refusals[failure] ?? notAdmitted))

/** Not under which name: people type their passwords into the wrong field. */
async function refuse(c: AppContext, action: Action, code: string): Promise<void> {
  c.var.services.countSignIn(officeId, code)
  const accountId = action === 'signIn' ? null : c.var.principal.accountId
  await auditRefusal(c, { accountId, client: 'browser', action, issuer: officeId, code })
}
