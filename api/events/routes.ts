import { z } from '@hono/zod-openapi'
import { readFeed, readSessionEvents } from '../../db/events.ts'
import { streamOr } from '../answers.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { allQuery, viewerFor } from '../operators.ts'
import { pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { answerStream, wantsStream } from './answer-stream.ts'
import { feedId, followFeed, placeInFeed } from './feed.ts'
import { followHistory, isOver, placeInHistory, requireWholeHistory } from './history.ts'
import { EventDocument, historyId, presentEvent } from './schemas.ts'

const after = z.string().max(512).optional()
const query = {
  limit: pageQuery.limit,
  after: after.openapi({ description: 'The id of the last event that you have; `Last-Event-ID` does the same' }),
}

const Events = pageOfItems(EventDocument)

const lastId = (c: AppContext, asked: string | undefined): string | undefined => c.req.header('last-event-id') ?? asked

const sessionEvents = route(
  {
    operationId: 'getSessionEvents',
    summary: "Read or follow a session's history",
    description:
      'With `Accept: text/event-stream` a stream: each event with its type, its opaque id, and the event as data. After the ' +
      'last event there will be comes an event `end`, without an id, and the stream closes; coming back then is 204. A stream ' +
      'also closes when your right to it ends; come back with `Last-Event-ID`, nothing is missed or repeated. Of a session that ' +
      'ended long ago only its end is kept: then an older id is 410.',
    tags: ['events'],
    method: 'get',
    path: '/v1/sessions/{sessionId}/events',
    right: 'event:read',
    subject: sessionOfPath,
    request: { params: z.object({ sessionId: idOf('session') }), query: z.strictObject(query) },
    refusals: [410],
    responses: { 200: streamOr(Events, 'The events, the oldest first'), 204: { description: 'There will be no more' } },
  },
  async (c) => {
    const { sessionId } = c.req.valid('param')
    const { limit, after: asked } = c.req.valid('query')
    const resumes = lastId(c, asked)
    const place = placeInHistory(sessionId, resumes)
    await requireWholeHistory(c, sessionId, place)
    if (wantsStream(c)) {
      if (resumes !== undefined && (await isOver(c, sessionId, place))) return c.body(null, 204)
      return answerStream(c, followHistory(c, sessionId, place))
    }
    const events = await readSessionEvents(c.var.services.db, sessionId, place, limit + 1)
    const items = events.slice(0, limit).map((event) => presentEvent(event, historyId(event)))
    return c.json({ items, nextCursor: events.length > limit ? (items.at(-1)?.id ?? null) : null }, 200)
  },
)

const feed = route(
  {
    operationId: 'getEvents',
    summary: 'Read or follow the events of all your sessions',
    description:
      'Ordered so that a reader who goes on from an id misses and repeats nothing. Begins with the oldest event since which all ' +
      'are kept, or with `after=now` at the end. With `Accept: text/event-stream` a stream that does not end by itself. ' +
      'An id after which events are no longer kept is 410: begin anew, or with `after=now`.',
    tags: ['events'],
    method: 'get',
    path: '/v1/events',
    right: 'event:list',
    refusals: [410],
    request: { query: z.strictObject({ ...query, ...allQuery }) },
    responses: { 200: streamOr(Events, 'The events, the oldest first') },
  },
  async (c) => {
    const { limit, after: asked, all } = c.req.valid('query')
    const viewer = viewerFor(c, all)
    const place = await placeInFeed(c, lastId(c, asked))
    if (wantsStream(c)) return answerStream(c, followFeed(c, viewer, place))
    const events = await readFeed(c.var.services.db, { viewer }, place, limit + 1)
    const items = events.slice(0, limit).map((event) => presentEvent(event, feedId(event.cursor)))
    return c.json({ items, nextCursor: events.length > limit ? (items.at(-1)?.id ?? null) : null }, 200)
  },
)

export const eventRoutes = [sessionEvents, feed]
