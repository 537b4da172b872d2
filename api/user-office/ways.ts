import type { UserOffice } from '../../ports/identity/user-office.ts'
import type { AppContext } from '../env.ts'
import { notFound } from '../problem.ts'
import { foreignPage } from '../same-origin.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'
import { limitByAddress } from '../sign-in/rate-limit.ts'
import type { UserOfficeDeps } from './office.ts'

type Part = 'byPassword' | 'byHash'

/** A way in that the site has switched on. */
export interface Way<P extends Part = Part> {
  readonly signIn: SignInDeps
  readonly deps: UserOfficeDeps
  readonly recognise: NonNullable<UserOffice[P]>
}

/** Throws 429, 404 where this way is not switched on, and 403 where the request is no own page's. */
export async function wayOf<P extends Part>(c: AppContext, part: P): Promise<Way<P>> {
  const { signIn, userOffice: deps } = c.var.services
  if (signIn !== undefined) await limitByAddress(c, signIn)
  const recognise = deps?.office[part] ?? null
  if (signIn === undefined || deps === undefined || recognise === null) throw notFound('way to sign in')
  const foreign = foreignPage(c, signIn.origin)
  if (foreign !== null) throw foreign
  return { signIn, deps, recognise }
}
