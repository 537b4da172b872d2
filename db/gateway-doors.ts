import type { DoorHost } from '../domain/doors.ts'
import type { VerdictKind } from '../domain/door-verdict.ts'
import type { SessionId, TunnelId } from '../domain/ids.ts'
import type { Db } from './connect.ts'
import { settleConnections } from './connections.ts'
import { noteInput } from './door-activity.ts'
import { reportDoor } from './door-health.ts'
import { beatGateway } from './gateways.ts'
import { checkPass, recheckPasses } from './passes.ts'
import type { DoorAccess, Verdict } from './passes.ts'
import { redeemTicket } from './tickets.ts'
import type { Redeemed } from './tickets.ts'
import { closeLostTunnels, closeTunnel, openTunnel, touchTunnels, tunnelsToCut } from './tunnels.ts'
import type { TunnelBytes, TunnelKind, TunnelUse } from './tunnels.ts'

/**
 * Passes, tickets and tunnels as a gateway asks for them. Every call rejects while the database is away; none takes longer than its
 * pool allows.
 */
export interface GatewayDoors {
  /**
   * Makes a pass of a ticket, once. A ticket of another account than that of the first live one of `existingPasses` is refused
   * with `other_account` and stays good; without any nobody is asked.
   */
  redeem(ticket: string, host: DoorHost, existingPasses: readonly string[]): Promise<Redeemed>
  /** One statement: facts of one moment. */
  check(pass: string | null, host: DoorHost): Promise<Verdict>
  openTunnel(access: DoorAccess, kind: TunnelKind, remoteAddress: string): Promise<TunnelId>
  /** Writes down what tunnels did. Answers those that are to be cut. */
  touch(tunnels: readonly TunnelUse[]): Promise<readonly string[]>
  /** `reason`: one of `closeReasons` in domain/doors.ts. Repeats are harmless. */
  closeTunnel(id: string, reason: string, bytes: TunnelBytes): Promise<void>
  /** One statement for all. A pass that is not in the answer is no pass any more. */
  recheck(passIds: readonly string[]): Promise<ReadonlyMap<string, VerdictKind>>
  /** Those of the tunnels that somebody wants cut, or that count as closed. Writes nothing. */
  cutWishes(tunnelIds: readonly string[]): Promise<readonly string[]>
  /** Somebody did something in the session just now, outside of any tunnel. */
  noteInput(sessionId: SessionId): Promise<void>
  /** That this gateway serves; with it, connections are brought up to date, and what was open through lost gateways is closed. */
  beat(gatewayId: string): Promise<void>
  /** What came of reaching a session's door: it becomes degraded, or repaired. */
  reportDoor(sessionId: SessionId, door: string, outcome: 'ok' | 'unreachable'): Promise<void>
}

export function createGatewayDoors({ db, gatewayId }: { readonly db: Db; readonly gatewayId: string }): GatewayDoors {
  return {
    redeem: async (ticket, host, existingPasses) => await redeemTicket(db, ticket, host, existingPasses),
    check: async (pass, host) => await checkPass(db, pass, host),
    openTunnel: async ({ passId, sessionId }, kind, remoteAddress) =>
      await openTunnel(db, { passId, sessionId, gatewayId, kind, remoteAddress }),
    touch: async (tunnels) => await touchTunnels(db, tunnels),
    closeTunnel: async (id, reason, bytes) => await closeTunnel(db, id, reason, bytes),
    recheck: async (passIds) => await recheckPasses(db, passIds),
    cutWishes: async (tunnelIds) => await tunnelsToCut(db, tunnelIds),
    noteInput: async (sessionId) => await noteInput(db, sessionId),
    beat: async (id) => {
      await beatGateway(db, id)
      await closeLostTunnels(db)
      await settleConnections(db)
    },
    reportDoor: async (sessionId, door, outcome) => await reportDoor(db, sessionId, door, outcome),
  }
}
