import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { DoorMode } from '../../domain/template.ts'

/** All doors of one generation of a session: what is opened together and closed together. */
export interface SessionDoors {
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
}

/** One account's use of one door in one mode. Everything made for it outside has a name that follows from this. */
export interface DoorUse extends SessionDoors {
  /** `[a-z][a-z0-9]{0,15}` */
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId
}

/** Where the desk answers. Built by the server alone, from the template and the instance. */
export interface DoorTarget {
  readonly protocol: 'vnc' | 'rdp' | 'ssh'
  readonly host: string
  readonly port: number
  /** The protocol's own, allow-listed by the template; may hold the session's secret, so never logged. `${` is refused. */
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * What a page on the gateway's own origin needs to enter. `token` acts for the account: it goes to that page alone,
 * never into a URL, a log, an event or a workflow; whoever answers a workflow drops it (the `AccessAccounts` keep it).
 */
export interface Launch {
  /** The gateway's origin and path, with a slash at the end. */
  readonly baseUrl: string
  /** What follows `baseUrl`: shows this connection once the token is known there. Holds no token. */
  readonly path: string
  readonly token: string
}

/** `detail` is for operators, in few words of the driver's own; it holds no secret and no library's text. */
export type AccessRefusal = {
  readonly kind: 'refused'
  readonly code:
    /** The session's doors were closed: nothing is opened any more, and what the call made is gone again. */
    | 'ended'
    /** A parameter, host or name that the gateway would misread or cannot hold. */
    | 'parameter_refused'
    /** `view` of this protocol joins somebody's open connection, and there is none. Try again once there is. */
    | 'nothing_to_view'
    /** The gateway will not do it, now or later: its service account lacks a right, or it does not know such a thing. */
    | 'rejected'
  readonly detail: string
}
/** Nothing is known of what the call did; do not ask before `retryAt` (epoch ms). Changes nothing in what is true. */
export type AccessUnavailable = { readonly kind: 'unavailable'; readonly retryAt: number; readonly detail: string }
export type NotDone = AccessRefusal | AccessUnavailable

/** The account may enter now, whether this call made it so or an earlier one. */
export type Opened = { readonly kind: 'opened'; readonly launch: Launch }
/** It is so now: read back, not assumed. */
export type Done = { readonly kind: 'done' }

/** An open connection through the gateway, as its id is given to `kill`. */
export interface LiveTunnel {
  /** Opaque; names one tunnel on one node of the gateway. */
  readonly id: string
  readonly sessionId: SessionId
  readonly generation: number
  readonly door: string
  readonly mode: DoorMode
  /** `null`: entered with a key that was handed on, so by nobody we know. */
  readonly accountId: AccountId | null
  readonly startedAt: number
  readonly remoteHost: string | null
}
/** None of the deployment's tunnels is open now; how many this call ended. */
export type CutAll = { readonly kind: 'cut'; readonly tunnels: number }
export type Listed = { readonly kind: 'listed'; readonly tunnels: readonly LiveTunnel[] }

/** What bears this deployment's names at the gateway. */
export type Found =
  | { readonly kind: 'connection'; readonly sessionId: SessionId; readonly generation: number; readonly door: string }
  | { readonly kind: 'user'; readonly accountId: AccountId }
  | { readonly kind: 'tunnel'; readonly tunnel: LiveTunnel }
  /** A tunnel of one of our users whose connection is no more; the gateway leaves such ones open. To be killed. */
  | { readonly kind: 'orphan'; readonly id: string; readonly accountId: AccountId | null; readonly startedAt: number }

/**
 * A gateway outside Carrel through which desks are reached. Every call may be repeated, at any time, beside itself and
 * beside the others: names follow from the arguments, what exists is adopted, what is absent counts as removed. Each is
 * bounded by the driver's own timeouts and ends early when `signal` aborts. No library's error leaves a driver.
 * One conformance suite (test/conformance/access-gateway.ts) is passed by every driver.
 */
export interface AccessGateway {
  /** Lets the account enter: connection, user, right and a live token, the same token for all its open pages. */
  open(use: DoorUse, target: DoorTarget, signal: AbortSignal): Promise<Opened | NotDone>
  /**
   * The account can enter this door in this mode no more, and none of its tunnels there lives. Its token ends only
   * where it held nothing else. Where `view` joined another's connection, the key is known to the viewer's browser and
   * dies with that connection alone: so that is cut too, and its owner enters again.
   */
  revoke(use: DoorUse, signal: AbortSignal): Promise<Done | NotDone>
  /** The whole teardown: rights, tokens that served nothing else, tunnels until none is listed, connections. Final. */
  closeDoors(doors: SessionDoors, signal: AbortSignal): Promise<Done | NotDone>
  /** The account's user, tokens and tunnels are gone, whatever they were for. Not final: a later open makes them anew. */
  removeAccount(deploymentId: string, accountId: AccountId, signal: AbortSignal): Promise<Done | NotDone>
  /** The open tunnels of all doors of this generation, on all nodes; an error rather than too few. */
  listLive(doors: SessionDoors, signal: AbortSignal): Promise<Listed | NotDone>
  /** Ends one tunnel; `done` where it is listed no more. The account may enter again while it has the right. */
  kill(tunnelId: string, signal: AbortSignal): Promise<Done | NotDone>
  /** Ends every tunnel of the deployment. Asks the gateway alone, never the `AccessAccounts`: for when their store is away. */
  cutAll(deploymentId: string, signal: AbortSignal): Promise<CutAll | NotDone>
  /** Everything of the deployment: what the sweep sees. Throws `AccessUnreachable` rather than list too little. */
  list(deploymentId: string, signal: AbortSignal): AsyncIterable<Found>
  /** Ends what the driver itself holds (its service tokens); nothing that was opened for anybody. */
  close(): Promise<void>
}

/** A list could not be completed: what is missing from it means nothing. */
export class AccessUnreachable extends Error {
  override readonly name = 'AccessUnreachable'
  readonly retryAt: number
  constructor(detail: string, retryAt: number) {
    super(detail)
    this.retryAt = retryAt
  }
}
