import { beginSignIn } from '../../db/sign-ins.ts'
import type { PendingSignIn } from '../../db/sign-ins.ts'
import type { Begun } from '../../ports/identity/identity-provider.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { bind, marksOf, newState } from './cookies.ts'
import type { Issuer, SignInDeps } from './issuers.ts'

/** Where somebody goes once they are signed in: one of the addresses that the site names. Throws 422. */
export function returnUrlOf(deps: SignInDeps, asked: string | undefined, place: 'query' | 'body'): string {
  const [usual] = deps.returnUrls
  const wanted = asked ?? usual
  if (wanted !== undefined && deps.returnUrls.includes(wanted)) return wanted
  throw new Problem('invalid_request', 'The address to return to is none of those that this site names.', {
    errors: [{ in: place, pointer: '/returnUrl', message: 'Expected exactly one of the configured addresses.' }],
  })
}

/** Begins a sign-in in this browser, and says where it goes on. */
export async function begin(
  c: AppContext,
  deps: SignInDeps,
  issuer: Issuer,
  pending: Pick<PendingSignIn, 'returnUrl' | 'link'>,
): Promise<Begun> {
  const state = newState()
  const binding = bind(c, deps)
  // Who links a further identity shows it, and is not let through with whatever the issuer remembers.
  const begun = await issuer.provider.begin({ ...marksOf(binding, state), anew: pending.link !== null })
  if (begun.kind === 'begun') await beginSignIn(c.var.services.db, { ...pending, issuer: issuer.id, state, binding })
  else c.var.services.log.warn({ issuer: issuer.id, detail: begun.detail }, 'An issuer cannot be reached.')
  return begun
}
