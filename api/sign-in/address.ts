import type { AppContext } from '../env.ts'
import { peerOf } from '../incoming.ts'
import type { SignInDeps } from './issuers.ts'

/** Who calls, as far as proxies that are trusted say it. */
export function addressOf(c: AppContext, deps: SignInDeps): string {
  return deps.addressOf(peerOf(c), c.req.header('x-forwarded-for'))
}
