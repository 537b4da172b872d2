import { z } from '@hono/zod-openapi'
import type { SessionEvent } from '../../db/events.ts'
import { eventTypes } from '../../domain/events.ts'
import { id, iso, time } from '../fields.ts'
import { sealCursor } from '../paging.ts'

export const EventDocument = z
  .object({
    id: z.string().openapi({ description: 'Opaque; what `Last-Event-ID` and `after` take' }),
    sessionId: id,
    seq: z.int().openapi({ description: "1, 2, 3, … in a session's history" }),
    at: time,
    type: z.string().openapi({ description: `Open to growth. Today: ${eventTypes.join(', ')}.` }),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('Event')

/** Where a session's history is resumed after this event. */
export const historyId = (event: SessionEvent): string => sealCursor('history', [event.sessionId, String(event.seq)])

export const presentEvent = (event: SessionEvent, eventId: string): z.infer<typeof EventDocument> => ({
  id: eventId,
  sessionId: event.sessionId,
  seq: event.seq,
  at: iso(event.at),
  type: event.type,
  data: event.data,
})
