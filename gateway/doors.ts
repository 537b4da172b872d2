import type { DoorHost } from '../domain/doors.ts'
import type { SessionId } from '../domain/ids.ts'

import type { DoorAccess, Verdict } from '../db/passes.ts'

export type { DoorHost } from '../domain/doors.ts'
export type { DoorAccess, Verdict } from '../db/passes.ts'

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
