/** How long a browser stays signed in, at most and without being used. */
export interface SessionLimits {
  readonly idleSeconds: number
  readonly absoluteSeconds: number
}

export const usualSessionLimits: SessionLimits = { idleSeconds: 8 * 60 * 60, absoluteSeconds: 24 * 60 * 60 }

/** A sign-in that was begun is finished within this, or begun anew. */
export const signInSeconds = 10 * 60

/** What an issuer said of somebody's groups counts so long, and it is asked again before. */
export const groupsStaleSeconds = 15 * 60
export const groupsAgainSeconds = 8 * 60

/** What an issuer said of somebody at a sign-in, read under our names. */
export interface IdentityClaims {
  /** Exactly as the issuer calls itself; with the subject it is who somebody is. */
  readonly issuer: string
  readonly subject: string
  readonly displayName: string
  readonly email: string | null
  /** The issuer says that the address is theirs. One that is not verified decides nothing. */
  readonly emailVerified: boolean
  readonly organisation: string | null
  readonly groups: readonly string[]
  /** By which login the user office knows them; `null`: this issuer does not decide that, or says nothing. */
  readonly officeLogin: string | null
  /** As it was sent. */
  readonly posix: unknown
}

/** Who gets an account by signing in for the first time. */
export type FirstSignIn =
  | { readonly rule: 'open' }
  /** Whose verified address is in one of these domains. */
  | { readonly rule: 'domain'; readonly domains: readonly string[] }
  /** Who is in one of these groups. */
  | { readonly rule: 'group'; readonly groups: readonly string[] }
  /** Whose verified address was invited. */
  | { readonly rule: 'invitation' }

/** Whether somebody who is not known yet gets an account. `isInvited`: of their verified address. */
export function mayHaveAccount(
  rule: FirstSignIn,
  claims: Pick<IdentityClaims, 'email' | 'emailVerified' | 'groups'>,
  isInvited: boolean,
): boolean {
  const email = verifiedEmail(claims)
  switch (rule.rule) {
    case 'open':
      return true
    case 'domain':
      return email !== null && rule.domains.includes(domainOf(email))
    case 'group':
      return isInOneOf(claims.groups, rule.groups)
    case 'invitation':
      return email !== null && isInvited
    default:
      return rule satisfies never
  }
}

/** Whether one of the groups is among those that are let in. */
export const isInOneOf = (groups: readonly string[], allowed: readonly string[]): boolean =>
  groups.some((group) => allowed.includes(group))

/** The address, if the issuer says that it is verified. */
export const verifiedEmail = (claims: Pick<IdentityClaims, 'email' | 'emailVerified'>): string | null =>
  claims.emailVerified ? claims.email : null

const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1).toLowerCase()

/** Why a sign-in led to nothing, for the page that it returns to. Open to growth. */
export const signInFailures = [
  'sign_in_cancelled',
  'provider_unavailable',
  'provider_answer_invalid',
  'not_in_group',
  'not_admitted',
  'account_disabled',
  'identity_taken',
  'too_many_identities',
  'not_signed_in',
] as const
export type SignInFailure = (typeof signInFailures)[number]
