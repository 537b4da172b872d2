import type { SessionState } from '../../../domain/lifecycle.ts'
import { isEnd } from '../../../domain/lifecycle.ts'

/** A session's row, as far as a sweep reads it. */
export interface Row {
  readonly sessionId: string
  state: SessionState
  stopRequested: boolean
  seen: boolean
  madeAt: number | null
  tombstoned: boolean
  removed: boolean
  held: boolean
  doubted: boolean
}

/** A create on its way: what it makes appears when it lands, however late, and whoever sent it may be gone by then. */
interface Flight {
  readonly sessionId: string
  senderLives: boolean
}

/**
 * An installation in a nutshell: rows, a backend, workflows that look at the rows, and what really is. It follows the rules of
 * the workflows step by step, so that anything may come between two steps. Time is the database's clock, which may jump.
 */
export class World {
  clock = 1_000_000
  rows = new Map<string, Row>()
  readonly backend = new Set<string>()
  readonly workflows = new Set<string>()
  readonly flights: Flight[] = []
  /** Sessions that nobody has asked to end: what they stand on must stay, whatever the rows say. */
  readonly alive = new Set<string>()
  readonly breaches: string[] = []
  #made = 0

  create(): void {
    const sessionId = `s${(this.#made += 1)}`
    this.rows.set(sessionId, {
      sessionId,
      state: 'requested',
      stopRequested: false,
      seen: false,
      madeAt: null,
      tombstoned: false,
      removed: false,
      held: false,
      doubted: false,
    })
    this.workflows.add(sessionId)
    this.alive.add(sessionId)
  }

  stop(sessionId: string): void {
    const row = this.rows.get(sessionId)
    if (row === undefined || isEnd(row.state)) return
    row.stopRequested = true
    this.alive.delete(sessionId)
  }

  /** An operator ends the run: by that, the session is to end. */
  terminate(sessionId: string): void {
    if (this.workflows.delete(sessionId)) this.alive.delete(sessionId)
    for (const flight of this.flights) if (flight.sessionId === sessionId) flight.senderLives = false
  }

  /** The starter: a session that is to end, or that somebody calls for, and that no run looks after, gets a teardown. */
  lookAfter(sessionId: string): void {
    const row = this.rows.get(sessionId)
    if (row === undefined || isEnd(row.state) || this.workflows.has(sessionId)) return
    if (row.state !== 'stopping') row.state = 'stopping'
    this.alive.delete(sessionId)
    this.workflows.add(sessionId)
  }

  /** The starter again: what no run has seen, or what is to end, is delivered until somebody has. */
  deliver(sessionId: string): void {
    const row = this.rows.get(sessionId)
    if (row !== undefined && (!row.seen || row.stopRequested || row.state === 'stopping')) this.lookAfter(sessionId)
  }

  /** A list says that the instance is missing: the session's run is told. */
  doubt(sessionId: string): void {
    const row = this.rows.get(sessionId)
    if (row === undefined || isEnd(row.state)) return
    row.doubted = true
    this.lookAfter(sessionId)
  }

  /** One step of a session's run: it looks at the rows and does the next thing. */
  step(sessionId: string): void {
    if (!this.workflows.has(sessionId)) return
    const row = this.rows.get(sessionId)
    if (row === undefined || isEnd(row.state)) return void this.workflows.delete(sessionId)
    row.seen = true
    if (row.stopRequested && row.state !== 'stopping') {
      row.state = 'stopping'
      return
    }
    if (row.state === 'requested') {
      row.held = true
      row.state = 'provisioning'
    } else if (row.state === 'provisioning') {
      this.#provision(row)
    } else if (row.state === 'stopping') {
      this.#cleanUp(row)
    } else if (row.state === 'ready' && row.doubted && !this.backend.has(sessionId)) {
      // One that is told to doubt its instance looks at the backend itself; all else waits.
      row.state = 'stopping'
      this.alive.delete(sessionId)
    }
  }

  #provision(row: Row): void {
    if (this.backend.has(row.sessionId)) {
      row.madeAt ??= this.clock
      row.state = 'ready'
    } else if (!this.flights.some((f) => f.sessionId === row.sessionId)) {
      this.flights.push({ sessionId: row.sessionId, senderLives: true })
    }
  }

  #cleanUp(row: Row): void {
    if (!row.tombstoned) row.tombstoned = true
    else if (!row.removed) {
      this.remove(row.sessionId, 'its teardown')
      row.removed = true
    } else if (row.held) row.held = false
    else row.state = 'stopped'
  }

  /** A create reaches the backend; its sender, where it still lives, finds the tombstone and takes it back. */
  land(flight: Flight): void {
    this.flights.splice(this.flights.indexOf(flight), 1)
    this.backend.add(flight.sessionId)
    const row = this.rows.get(flight.sessionId)
    if (!flight.senderLives || row === undefined) return
    if (row.tombstoned) this.remove(flight.sessionId, 'the create itself')
    else row.madeAt = this.clock
  }

  remove(sessionId: string, who: string): void {
    if (this.backend.delete(sessionId) && this.alive.has(sessionId))
      this.breaches.push(`${who} removed ${sessionId}, which lives`)
  }

  dump(): Map<string, Row> {
    return structuredClone(this.rows)
  }

  /** What was written since the dump is forgotten; backend and workflows are as they are. */
  restore(dump: ReadonlyMap<string, Row>): void {
    this.rows = new Map([...structuredClone(dump)])
  }
}
