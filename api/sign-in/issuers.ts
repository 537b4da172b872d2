import type { Gate } from '../../db/gate.ts'
import { groupsStaleSeconds } from '../../domain/sign-in.ts'
import type { FirstSignIn, SessionLimits } from '../../domain/sign-in.ts'
import type { TokenId } from '../../domain/ids.ts'
import type { IdentityProvider } from '../../ports/identity/identity-provider.ts'

/** An issuer that people sign in with. */
export interface Issuer {
  /** As the configuration and paths call it. */
  readonly id: string
  /** As people call it. */
  readonly name: string
  readonly provider: IdentityProvider
  /** Only who is in one of them signs in; `null`: everybody whom the issuer knows. */
  readonly allowedGroups: readonly string[] | null
  /** Where groups decide: so long the issuer's last word on them counts for programs and portals. */
  readonly holdsSeconds?: number
  readonly firstSignIn: FirstSignIn
  /** One of its claims says who people are to file systems. */
  readonly saysPosix?: boolean
}

/** How people sign in with a browser. */
export interface SignInDeps {
  readonly issuers: readonly Issuer[]
  /** Where they may be sent afterwards, each compared as a whole; the first unless they name one. */
  readonly returnUrls: readonly string[]
  readonly limits: SessionLimits
  /** How often an address may begin or end a sign-in in a minute, in each process. */
  readonly perMinute: number
  /** How often an address may ask for tokens in a minute, in each process. */
  readonly tokensPerMinute: number
  /** So long a token holds that a program was given in a device sign-in. */
  readonly deviceTokenDays: number
  /** The origin that browsers know the api by: theirs alone may use its cookies. */
  readonly origin: string
  /** Says who calls: of whom the connection is, and what `X-Forwarded-For` says. */
  readonly addressOf: (peer: string | undefined, forwarded: string | undefined) => string
  readonly sealTokens: (id: TokenId, text: string) => Buffer
  readonly openTokens: (id: TokenId, sealed: Uint8Array) => string
}

/** Of which of them groups decide. */
export const gatesOf = ({ issuers }: SignInDeps): Gate[] =>
  issuers.map(({ provider, allowedGroups, holdsSeconds = groupsStaleSeconds }) => ({
    issuer: provider.issuer,
    holdsSeconds: allowedGroups === null ? null : holdsSeconds,
  }))
