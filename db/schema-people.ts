import type { ColumnType, Generated } from 'kysely'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { JsonDefault, NullableTime, Time, TimeDefault } from './schema-columns.ts'

type NullableText = ColumnType<string | null, string | null | undefined, string | null>

/** What an issuer said of an identity, under our names. Absent: it said nothing, or nothing is asked of it. */
export interface StoredClaims {
  /** The office login: by which the user office knows them. Counts as long as the issuer decides it. */
  readonly login?: string
  readonly groups?: readonly string[]
  /** As the issuer sent it; whoever uses it checks it. */
  readonly posix?: unknown
}

/** Who people are to others, and how they come in. */
export interface PeopleTables {
  identity: {
    issuer: string
    subject: string
    account_id: AccountId
    created_at: TimeDefault
    signed_in_at: NullableTime
    /** Proves nothing unless it is verified. */
    email: NullableText
    email_verified: Generated<boolean>
    display_name: NullableText
    claims: JsonDefault<StoredClaims>
    /** When its issuer last said that it is in the groups that are let in, where groups decide. */
    checked_at: NullableTime
    /** When it last said that it is not; null once it has said since that it is. */
    denied_at: NullableTime
  }
  /** Issuers of which groups decide who is let in, and how long their word counts for programs. */
  gated_issuer: { issuer: string; holds_seconds: number }
  /** A view: the identities, and whether they let their account in now. Read only. */
  identity_standing: { issuer: string; subject: string; account_id: AccountId; admitted: boolean }
  /** Of the token that is in a browser's cookie. */
  browser_session: {
    token_id: TokenId
    account_id: AccountId
    issuer: string
    subject: string
    /** The issuer's name for its own session. */
    sid: NullableText
    /** At the latest; the token's own end is earlier where the issuer is asked again and again. */
    ends_at: Time
    idle_seconds: number
    user_agent: NullableText
    address: NullableText
    checked_at: NullableTime
    check_at: NullableTime
    /** Sealed JSON of what the issuer gave; empty: nothing. */
    tokens: ColumnType<Buffer, Buffer | undefined, Buffer>
  }
  sign_in: {
    /** SHA-256. */
    state_hash: Buffer
    /** SHA-256 of what the browser's own cookie holds. */
    binding_hash: Buffer
    /** The issuer's id in the configuration. */
    issuer: string
    return_url: string
    /** Who was signed in and wants a further identity, and by which token. */
    link_account_id: ColumnType<AccountId | null, AccountId | null | undefined, AccountId | null>
    link_token_id: ColumnType<TokenId | null, TokenId | null | undefined, TokenId | null>
    made_at: TimeDefault
    expires_at: Time
  }
  /** Logout tokens that were taken, until they would be refused for their age. */
  logout_token: { issuer: string; jti: string; expires_at: Time }
}
