import type { SubjectClaims } from '../../domain/exchange.ts'
import type { IdentityClaims } from '../../domain/sign-in.ts'

/** What belongs to one sign-in alone, and what its answer is held against. */
export interface SignInMarks {
  readonly state: string
  readonly nonce: string
  /** Of PKCE. */
  readonly verifier: string
}

export interface Begin extends SignInMarks {
  /** Has the person show again who they are, although the issuer remembers them. */
  readonly anew: boolean
}

/** The issuer cannot be reached, or answers what cannot be read. `detail` is for operators. */
export interface Unavailable {
  readonly kind: 'unavailable'
  readonly detail: string
}

/** What the issuer gave, as JSON to be sealed: for the end of its session, and to ask again. */
export type IssuerTokens = string

export type Begun = { readonly kind: 'begun'; readonly url: string } | Unavailable

export type Finished =
  | {
      readonly kind: 'signed_in'
      readonly claims: IdentityClaims
      /** The issuer's name for its own session. */
      readonly sid: string | null
      readonly tokens: IssuerTokens
    }
  /** The person, or the issuer in its own words, would not. */
  | { readonly kind: 'cancelled'; readonly detail: string }
  /** What came back does not hold: it is somebody else's, of another time, or made up. */
  | { readonly kind: 'invalid'; readonly detail: string }
  | Unavailable

export type Rechecked =
  | { readonly kind: 'known'; readonly groups: readonly string[]; readonly tokens: IssuerTokens }
  /** The issuer does not stand for this sign-in any more. */
  | { readonly kind: 'over'; readonly detail: string }
  | Unavailable

export type LogoutNotice =
  | {
      readonly kind: 'logout'
      readonly jti: string
      readonly sid: string | null
      readonly subject: string | null
      /** Until when it would be taken. */
      readonly expiresAt: Date
    }
  | { readonly kind: 'invalid'; readonly detail: string }
  | Unavailable

/** For what a token was made: to tell a client who somebody is, or to let it ask others. */
export type SubjectTokenKind = 'id_token' | 'access_token'

export type SubjectRead =
  | {
      readonly kind: 'read'
      readonly claims: SubjectClaims
      /** By the issuer's clock: when it said this; `null`: it does not tell. */
      readonly issuedAt: Date | null
      readonly expiresAt: Date
    }
  /** It is not the issuer's, not for us, of another time or kind, or none at all. */
  | { readonly kind: 'invalid'; readonly detail: string }
  | Unavailable

/** Where people prove who they are. Nothing is asked of it before somebody wants to sign in. */
export interface IdentityProvider {
  /** Exactly as it calls itself. */
  readonly issuer: string
  /** The address to send a browser to. */
  begin(sign: Begin): Promise<Begun>
  /** What came of it: the query of the address at which the browser came back. `since`: who was to show anew has done so after it. */
  finish(query: URLSearchParams, marks: SignInMarks, since: Date | null): Promise<Finished>
  /** In which groups the person is now. */
  recheck(tokens: IssuerTokens, subject: string): Promise<Rechecked>
  /** Where the person ends the issuer's session as well; `null`: it has no such place, or cannot be asked. */
  signOutUrl(tokens: IssuerTokens, returnUrl: string): Promise<string | null>
  /** Reads what the issuer sends to end sessions. */
  readLogout(token: string): Promise<LogoutNotice>
  /** Reads a token that somebody else got of it, to be exchanged. None where the site does not say whose are taken. */
  readSubject(token: string, kind: SubjectTokenKind): Promise<SubjectRead>
}
