import type { SessionId } from '../domain/ids.ts'
import type { Db } from './connect.ts'
import { sessionView } from './session-view.ts'
import type { SessionRow, SessionView } from './session-view.ts'

/** Which state of a session's row was read, and which server said so. */
export interface SessionVersion {
  readonly id: SessionId
  /** When the server started, as it says itself. */
  readonly server: string
  /** The transaction that wrote the row, when its provider is tried again, and whether that can pause. */
  readonly version: string
}

export interface KeptSession extends Omit<SessionVersion, 'id'> {
  readonly view: SessionView
}

/**
 * Sessions as they were read, for whoever finds by a cheap statement that they are still so. All that a view shows is in the
 * session's row, in its provider's health, or never changes: a template's name, a version of it. A transaction leaves one
 * state of a row to be seen by others, and a server does not use a transaction's number, of 32 bits, twice within the time that
 * a view is kept. So the same version of the same session on the same server, in whatever snapshot, is the same view.
 */
export interface KeptSessions {
  /** The view of that version; `undefined`: it is not kept. */
  of(version: SessionVersion): SessionView | undefined
  /** Of the session, whichever version is kept. */
  last(id: SessionId): KeptSession | undefined
  /** The view of the row, which is kept unless it is large. */
  keep(row: SessionRow, server: string): SessionView
}

const ofPools = new WeakMap<Db, KeptSessions>()

/** What is kept of the sessions that this pool reads. Not for transactions, which may see what nobody else ever will. */
export function keptSessions(db: Db): KeptSessions {
  if (db.isTransaction) throw new Error('Of what a transaction reads nothing is kept.')
  const kept = ofPools.get(db) ?? createKeptSessions()
  ofPools.set(db, kept)
  return kept
}

const mostKept = 4_000
const keptMs = 600_000
/** Of what a row holds that may be large, as JSON, characters. */
const largest = 2_000

export function createKeptSessions(now: () => number = () => performance.now()): KeptSessions {
  // In the order in which they were read.
  const kept = new Map<SessionId, KeptSession & { readonly until: number }>()
  const forget = (time: number) => {
    for (const [id, { until }] of kept) {
      if (until > time && kept.size < mostKept) return
      kept.delete(id)
    }
  }
  const last = (id: SessionId) => {
    const found = kept.get(id)
    return found !== undefined && found.until > now() ? found : undefined
  }
  return {
    of({ id, server, version }) {
      const found = last(id)
      return found?.version === version && found.server === server ? found.view : undefined
    },
    last,
    keep(row, server) {
      const view = sessionView(row)
      const time = now()
      forget(time)
      kept.delete(view.id)
      if (isSmall(row)) kept.set(view.id, { server, version: row.version, view, until: time + keptMs })
      return view
    },
  }
}

const isSmall = ({ parameters, mounts, doors, refusal, operator_detail }: SessionRow): boolean =>
  JSON.stringify([parameters, mounts, doors, refusal, operator_detail]).length <= largest
