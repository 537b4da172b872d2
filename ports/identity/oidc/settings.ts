/** Where the groups of a person are found. */
export type GroupSource =
  | { readonly source: 'claim'; readonly claim: string }
  /** Globus' own list, asked with the person's token. */
  | { readonly source: 'globus'; readonly url: string }

/** Which claim says what. */
export interface ClaimNames {
  readonly name: string
  readonly organisation: string | null
  /** The login at the user office, of which this issuer decides who has it; `null`: it does not. */
  readonly officeLogin: string | null
  readonly posix: string | null
}

/** An OpenID Connect issuer, and what we are to it. */
export interface OidcSettings {
  /** Exactly as it calls itself. */
  readonly issuer: string
  readonly clientId: string
  /** `null`: a public client. */
  readonly clientSecret: string | null
  readonly clientAuthentication: 'client_secret_basic' | 'client_secret_post'
  readonly scopes: readonly string[]
  readonly claims: ClaimNames
  /** Every address that it sends is one that it has verified, whether it says so or not. */
  readonly emailsAreVerified: boolean
  /** `null`: nothing depends on them. */
  readonly groups: GroupSource | null
  /** Whether the groups are asked again, for which what it gave is kept. */
  readonly isRechecked: boolean
  /** Whose tokens may be exchanged; `null`: nobody's. */
  readonly exchange?: ExchangeNames | null
}

/** For whom a token must be. */
export interface ExchangeNames {
  /** Of an access token: one of these. */
  readonly audiences: readonly string[]
  /** Of an ID token: the client that it was made for. */
  readonly clients: readonly string[]
}

/** How long an issuer may take, and how much it may say. */
export interface OidcLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
  /** After a discovery that failed, nobody waits for another one so long. */
  readonly retryMs: number
  /** What was discovered is discovered again after so long. */
  readonly freshMs: number
  /** Keys are fetched again at most so often. */
  readonly keysCooldownMs: number
}

export const usualLimits: OidcLimits = {
  timeoutMs: 5_000,
  maxBytes: 1_048_576,
  retryMs: 5_000,
  freshMs: 60 * 60 * 1_000,
  keysCooldownMs: 10_000,
}

/** How signatures may be made: no shared secret, and not none. */
export const algorithms = ['RS256', 'ES256', 'PS256']
export const skewSeconds = 30
