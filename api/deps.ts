import type { Bearer } from '../db/bearers.ts'
import type { Db } from '../db/connect.ts'
import type { Grounds, GroundsAsk } from '../db/grounds.ts'
import type { Extent } from '../domain/catalogue.ts'
import type { DoorOrigins } from '../domain/doors.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { AccessRule, WithdrawalPolicy } from '../domain/experiment.ts'
import type { CheckId, HandoverId, InvitationId, ProviderId, ReconciliationId, SessionId } from '../domain/ids.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Listener } from '../db/listen.ts'
import type { BearerAndSession, BearerAsk } from '../db/session-queries.ts'
import type { Page } from '../db/paging.ts'
import type { SessionsAsk } from '../db/session-list.ts'
import type { SessionView } from '../db/session-view.ts'
import type { RecordableWish } from '../db/wishes.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { PosixSources } from './accounts/posix-sources.ts'
import type { Awaited } from './awaited.ts'
import type { HawkDeps } from './hawk.ts'
import type { InvitationSettings } from './invitations/settings.ts'
import type { OpenStreams } from './events/open-streams.ts'
import type { CountSignIn } from './sign-in/count.ts'
import type { SignInDeps } from './sign-in/issuers.ts'
import type { Status } from './status/read.ts'
import type { Turns } from './turns.ts'
import type { UserOfficeDeps } from './user-office/office.ts'

/** A line in the log, its fields first. */
type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void
export interface Log {
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

/** A payload as Temporal's own type has it, as far as the codec endpoint cares. */
export interface OpaquePayload {
  readonly metadata?: Record<string, Uint8Array> | null
  readonly data?: Uint8Array | null
}

/** What only the taker of a handed-over instance is given. */
export interface HandoverSecrets {
  readonly secret: string
  readonly environment: Record<string, string>
  readonly report: { readonly url: string; readonly token: string } | null
}

/** A catalogue as the api knows it. */
export interface CatalogueName {
  readonly id: string
  readonly extent: Extent
}

export interface ApiSettings {
  /** Origins whose pages may call with bearer tokens: exact, as a browser sends them. */
  readonly corsOrigins: readonly string[]
  readonly rateLimitPerMinute: number
  /** Where gateways answer for doors; `null`: there are none. */
  readonly doors: DoorOrigins | null
  /** A gateway outside shows desktops; absent: the gateway itself does. */
  readonly desktopsOutside?: boolean
  /** Development only, and where there is no gateway: connections give the instance's own address. */
  readonly directDoors: boolean
  /** The random part of the codec endpoint's path; `null`: there is no such endpoint. */
  readonly codecCapability: string | null
  /** Where providers that are made through the API may lie: their backends, and their sessions. Absent: nowhere. */
  readonly providerNetworks?: readonly string[]
  /** When data of experiments may be worked with; absent: as by default. */
  readonly access?: AccessRule
  /** What is done with sessions whose owner may not use their data any more; absent: they are stopped. */
  readonly withdrawn?: WithdrawalPolicy
  /** The catalogues that are kept in step. */
  readonly catalogues?: readonly CatalogueName[]
  /** What the site lets people be to its file systems; absent: what is usual. */
  readonly posix?: PosixRule
  /** How people are invited; absent: by links that whoever invites brings. */
  readonly invitations?: InvitationSettings
  /** Whether the `fake` kind may be made. */
  readonly development?: boolean
  /** The origin of the Temporal UI, which alone may call the codec endpoint from a page. */
  readonly temporalUiOrigin: string | null
}

/** What the api needs from outside; only `main.ts` makes it. */
export interface ApiDeps {
  readonly db: Db
  readonly listener: Pick<Listener, 'on'>
  readonly log: Log
  readonly metrics: Metrics
  readonly settings: ApiSettings
  /** The HMAC of a text, with the current key or the one that is named; `undefined` when that key is gone. */
  readonly digest: (text: string, keyId?: string) => string | undefined
  /** Opens the sealed secret of a session's instance. */
  readonly openInstanceSecret: (key: SessionKey, sealed: Uint8Array) => string
  /** A new secret for a session's instance, sealed for its row. */
  readonly mintInstanceSecret: (key: SessionKey) => Buffer
  /** Seals a session's secret parameters for its row. */
  readonly sealParameters: (id: SessionId, text: string) => Buffer
  /** Seals the secrets of a provider for its row. */
  readonly sealProviderSecrets: (id: ProviderId, text: string) => Buffer
  /** Seals the code of an invitation's link for its row. */
  readonly sealInvitationCode: (id: InvitationId, code: string) => Buffer
  /** Opens what only the taker of a handed-over instance is given. */
  readonly openHandover: (id: HandoverId, sealed: Uint8Array) => HandoverSecrets
  /** How machines sign their requests. */
  readonly hawk: HawkDeps
  /** Decodes payloads for an operator's eyes; foreign ones pass unchanged. */
  readonly decodePayloads: (payloads: OpaquePayload[]) => OpaquePayload[]
  /** How people sign in with a browser; absent: they do not, and no cookie is looked at. */
  readonly signIn?: SignInDeps
  /** The facility's own account system; absent: it has none that Carrel asks. */
  readonly userOffice?: UserOfficeDeps
  /** Who people are to the site's file systems, as others say it at a sign-in; absent: nobody is asked. */
  readonly posixSources?: PosixSources
  /** False from the moment the process is asked to end. */
  readonly isServing: () => boolean
}

/** What handlers see: the dependencies, and what the app itself keeps for its whole life. */
export interface Services extends ApiDeps {
  /** The bearer of a token's secret; `null`: nobody. This and the next three together with all who ask meanwhile. */
  readonly findBearer: (secret: string) => Promise<Bearer | null>
  /** The same, with the session that is asked for. */
  readonly findBearerAndSession: (ask: BearerAsk) => Promise<BearerAndSession | null>
  readonly readGrounds: (ask: GroundsAsk) => Promise<Grounds>
  /** As `recordWishes` says. */
  readonly recordWish: (wish: RecordableWish) => Promise<Date | null>
  /** A page of sessions, for all who ask for the same one meanwhile. */
  readonly listSessions: (ask: SessionsAsk) => Promise<Page<SessionView>>
  /** Tells whoever listens of a session that `recordWish` recorded. */
  readonly announce: (id: SessionId) => void
  /** Settled when they are no longer `requested`. */
  readonly decisions: Awaited<SessionId>
  /** Settled when nothing is asked about their resting that is not. */
  readonly pauses: Awaited<SessionId>
  /** These and the next are settled when they have ended. */
  readonly reconciled: Awaited<ReconciliationId>
  readonly checked: Awaited<CheckId>
  /** Settled when the gateway outside has answered; by what was asked, as JSON. */
  readonly openings: Awaited<string>
  readonly streams: OpenStreams
  readonly readStatus: () => Promise<Status>
  /** Brings the metrics that stand on rows up to date. */
  readonly fillGauges: (db: Db) => Promise<void>
  readonly countSignIn: CountSignIn
  /** Of those who write invitations, by account. */
  readonly invitationTurns: Turns
}
