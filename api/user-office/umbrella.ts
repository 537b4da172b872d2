import type { AppContext } from '../env.ts'
import { peerOf } from '../incoming.ts'
import { Problem } from '../problem.ts'
import type { UserOfficeDeps } from './office.ts'

/** One word: two headers of the name, one of them a caller's own, come joined by a comma. */
const hashPattern = /^[A-Za-z0-9+/=_.-]{8,512}$/

/**
 * The hash that the federation's proxy sets. Only who is connected counts: what else a request says of its way here, any caller may
 * write. Its `uid` is not read at all: who somebody is, the user office says of the hash. Throws 403, 401.
 */
export function hashOfProxy(c: AppContext, deps: UserOfficeDeps): string {
  if (!deps.isProxy(peerOf(c)))
    throw new Problem('untrusted_proxy', 'This way in leads through the proxy of the federation alone.')
  const hash = c.req.header('eaahash') ?? ''
  if (!hashPattern.test(hash))
    throw new Problem('sign_in_refused', 'The proxy of the federation says nobody, or more than one.')
  return hash
}
