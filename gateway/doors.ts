import type { DoorHost } from '../domain/doors.ts'
import type { AccountId, ProviderId, SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { DoorMode, DoorSpec } from '../domain/template.ts'

export type { DoorHost } from '../domain/doors.ts'

/** What the gateway may do for the bearer of a pass on a host name, at this moment. */
export interface DoorAccess {
  readonly passId: string
  readonly sessionId: SessionId
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId
  /** The template's door. */
  readonly spec: DoorSpec
  readonly state: SessionState
  readonly generation: number
  readonly providerId: ProviderId
  /** In these the provider's endpoints may lie (CIDR). */
  readonly networks: readonly string[]
  /** Where the port of the door in this mode is reached; `null`: not now. */
  readonly endpoint: { readonly host: string; readonly port: number } | null
  /** The session's own secret, sealed; `null`: it has none. */
  readonly secret: Buffer | null
  /** When the pass ends at the latest, ms. */
  readonly expiresAt: number | null
}

export type Verdict =
  | { readonly kind: 'open'; readonly access: DoorAccess }
  /** None, unknown, of another host, or used up: to be opened from the portal again. */
  | { readonly kind: 'no_pass' }
  /** The right was withdrawn, the account disabled, the token revoked, the collaborator removed. */
  | { readonly kind: 'no_access' }
  | {
      readonly kind: 'not_ready'
      readonly state: SessionState
      readonly progress: { readonly message: string; readonly percent: number | null } | null
    }
  /** `reason`: why, as in `domain/lifecycle.ts`, or any word that is shown as it is. */
  | { readonly kind: 'ended'; readonly reason: string }

export type Redeemed =
  | { readonly kind: 'pass'; readonly pass: string; readonly path: string; readonly expiresAt: number }
  | {
      readonly kind: 'refused'
      readonly code: string
      /** Of `other_account`: whose pass the browser has, and whose ticket this is, as their users know them. */
      readonly current?: string
      readonly asked?: string
    }

/** What becomes a row: a WebSocket, a desktop, or a request that lasts. */
export const tunnelKinds = ['websocket', 'desktop', 'stream'] as const
export type TunnelKind = (typeof tunnelKinds)[number]
export type TunnelId = string

/** What has passed through a tunnel since it was opened. */
export interface TunnelBytes {
  /** From the browser to the session. */
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface TunnelUse extends TunnelBytes {
  readonly id: TunnelId
  /** When its user last did something, ms; keep-alives are nothing. `null`: not yet. */
  readonly lastInputAt: number | null
}

/** Passes, tickets and tunnels as Postgres has them. Every call may reject while the database is away. */
export interface Doors {
  /**
   * Makes a pass of a ticket, once. A ticket of another account than that of `existingPass` is refused with
   * `other_account` and stays good; without `existingPass` nobody is asked.
   */
  redeem(ticket: string, host: DoorHost, existingPass: string | null): Promise<Redeemed>
  check(pass: string | null, host: DoorHost): Promise<Verdict>
  openTunnel(access: DoorAccess, kind: TunnelKind, remoteAddress: string): Promise<TunnelId>
  /** Writes down what tunnels did. Answers those that are to be cut. */
  touch(tunnels: readonly TunnelUse[]): Promise<readonly TunnelId[]>
  /** `reason`: one of `closeReasons` in domain/doors.ts. Repeats are harmless. */
  closeTunnel(id: TunnelId, reason: string, bytes: TunnelBytes): Promise<void>
  /** One statement for all. A pass that is not in the answer is no pass any more. */
  recheck(passIds: readonly string[]): Promise<ReadonlyMap<string, Verdict['kind']>>
  /** Those of the tunnels that somebody wants cut, or that count as closed. Writes nothing. */
  cutWishes(tunnelIds: readonly TunnelId[]): Promise<readonly TunnelId[]>
  /** Somebody did something in the session just now, outside of any tunnel. */
  noteInput(sessionId: SessionId): Promise<void>
  beat(gatewayId: string): Promise<void>
  /** What came of reaching a session's door: it becomes degraded, or repaired. */
  reportDoor(sessionId: SessionId, door: string, outcome: 'ok' | 'unreachable'): Promise<void>
}
