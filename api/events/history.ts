import { readSessionEvents } from '../../db/events.ts'
import { historyIsWholeAfter } from '../../db/kept-events.ts'
import { hasEnded } from '../../db/session-queries.ts'
import { stillHolds } from '../../db/bearers.ts'
import type { SessionId } from '../../domain/ids.ts'
import { can } from '../../domain/authorization.ts'
import type { AppContext } from '../env.ts'
import { openCursor } from '../paging.ts'
import { Problem } from '../problem.ts'
import { relationToSession } from '../sessions/subject.ts'
import type { Batch, Followed } from './follow.ts'
import { actsForActive } from './standing.ts'
import { historyId, presentEvent } from './schemas.ts'

const atOnce = 200

/** The number after which a session's history goes on. Throws a problem where the id is not one of this history. */
export function placeInHistory(sessionId: SessionId, after: string | undefined): number {
  if (after === undefined) return 0
  const [session, seq, ...rest] = openCursor('history', after)
  if (session === sessionId && seq !== undefined && /^\d{1,9}$/.test(seq) && rest.length === 0) return Number(seq)
  throw new Problem('invalid_request', 'This is not an event of this session.', {
    errors: [{ in: 'query', pointer: '/after', message: 'Expected the id of an event of this session.' }],
  })
}

/** Throws `gone` where events after the place are no longer kept: a reader who goes on from there would miss them unawares. */
export async function requireWholeHistory(c: AppContext, sessionId: SessionId, place: number): Promise<void> {
  if (place > 0 && !(await historyIsWholeAfter(c.var.services.db, sessionId, place))) throw noLongerKept()
}

export const noLongerKept = (): Problem =>
  new Problem('gone', 'Events after this one are no longer kept. Read what is, from its beginning, without it.')

/** Whether nothing will ever come after this place: the session has ended and its last event is known. */
export async function isOver(c: AppContext, id: SessionId, place: number): Promise<boolean> {
  const { frames, ended } = await readHistory(c, id, place)
  return ended && frames.length === 0
}

/**
 * What comes after the place. The state is read before the events: a session that was over then has no event that is not
 * among them.
 */
async function readHistory(c: AppContext, id: SessionId, place: number): Promise<Batch<number>> {
  const { db } = c.var.services
  const ended = await hasEnded(db, id)
  const events = await readSessionEvents(db, id, place, atOnce)
  const more = events.length === atOnce
  return {
    frames: events.map((event) => ({
      id: historyId(event),
      event: event.type,
      data: presentEvent(event, historyId(event)),
    })),
    place: events.at(-1)?.seq ?? place,
    more,
    ended: !more && ended,
  }
}

/** A session's history from this place on, as a stream follows it. */
export function followHistory(c: AppContext, id: SessionId, place: number): Followed<number> {
  const { services, principal } = c.var
  return {
    place,
    startId: null,
    read: (after) => readHistory(c, id, after),
    mayGoOn: async () => {
      if (!(await stillHolds(services.db, principal.tokenId)) || !(await actsForActive(c))) return false
      return can(principal.actor, 'event:read', (await relationToSession(c)) ?? {}) === 'yes'
    },
    onNews: (heard) =>
      services.listener.on('carrel_event', (sessionId) => {
        if (sessionId === id || sessionId === '') heard()
      }),
  }
}
