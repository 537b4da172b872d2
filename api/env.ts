import type { Context } from 'hono'
import type { AuditEntry } from '../db/audit.ts'
import type { IntentKey } from '../db/idempotency.ts'
import type { Reporter } from '../db/reports.ts'
import type { FoundSession } from '../db/session-queries.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { Actor } from '../domain/authorization.ts'
import type { Services } from './deps.ts'

/** Whose rights, and who acts. */
export interface Principal {
  readonly tokenId: TokenId
  readonly tokenExpiresAt: Date
  /** Whose rights count, and whose things are made. */
  readonly accountId: AccountId
  /** Whose token it is; the same, unless it acts for somebody. */
  readonly actedBy: AccountId
  /** With the account: what idempotency keys and rate limits count by. */
  readonly client: string
  /** It is a browser that is signed in, by its cookie. */
  readonly browser: boolean
  /** Of a trusted client: it acts for accounts with an identity of this issuer alone. `null`: it is bound to none. */
  readonly issuer: string | null
  readonly actor: Actor
}

export interface Variables {
  services: Services
  requestId: string
  /** The operation that was reached; empty for an unknown path. */
  operation: string
  /** Set on every route but the public ones, before anything else of the route runs. */
  principal: Principal
  /** Set on routes that are for instances: who reports. */
  reporter: Reporter
  /** Set on routes that create, before their handler. */
  intent: IntentKey
  /** Set on routes whose subject is `shownSession`, before their handler. */
  session: FoundSession
  /** Something was read by an operator's right, of others or of the whole installation: to be audited. */
  othersRead: boolean
  /** What an operator's command says, and why: its valid body, on routes that ask for a reason; `null` until it was read. */
  said: Readonly<Record<string, unknown>> | null
  /** The code of the problem that was answered. */
  code: ErrorCode | null
  /** Not in the access log: the path holds a capability. */
  unlogged: boolean
}

export interface AppEnv {
  Variables: Variables
}
export type AppContext = Context<AppEnv>

/** Who does what, for the audit; of an operator's command all that it says. */
export type Deed = Pick<AuditEntry, 'accountId' | 'client' | 'onBehalfOf' | 'action' | 'requestId' | 'detail'>

export function deedOf(c: AppContext): Deed {
  const { principal, operation, requestId, said } = c.var
  const acted = principal.actedBy !== principal.accountId
  return {
    accountId: principal.actedBy,
    client: principal.client,
    onBehalfOf: acted ? principal.accountId : null,
    action: operation,
    requestId,
    ...(said === null ? {} : { detail: said }),
  }
}
