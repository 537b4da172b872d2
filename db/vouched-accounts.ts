import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { lockIdentity } from './identity-claims.ts'
import { resolveIdentity } from './sign-ins.ts'

/** Whom a trusted client vouches for. */
export interface Vouched {
  readonly issuer: string
  readonly subject: string
  readonly displayName: string
  readonly email: string | null
  readonly emailVerified: boolean
}

export type VouchedAccount =
  { readonly kind: 'known' | 'made'; readonly accountId: AccountId } | { readonly kind: 'disabled' }

/**
 * The account of an identity, or a new one. `isFinal`: what is known of the identity comes from the issuer itself, and whoever
 * vouches does not change it.
 */
export async function vouchFor(trx: Trx, vouched: Vouched, isFinal: boolean): Promise<VouchedAccount> {
  const known = await lockIdentity(trx, vouched)
  if (known?.disabled === true) return { kind: 'disabled' }
  if (known !== null && isFinal) return { kind: 'known', accountId: known.accountId }
  const resolved = await resolveIdentity(
    trx,
    { ...vouched, organisation: null, groups: [], officeLogin: null, posix: null },
    { firstSignIn: { rule: 'open' }, isInvited: async () => false },
  )
  if (resolved.kind === 'refused') return { kind: 'disabled' }
  return { kind: resolved.kind === 'made' ? 'made' : 'known', accountId: resolved.accountId }
}
