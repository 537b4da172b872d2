import { feedEnd, readFeed } from '../../db/events.ts'
import type { FeedCursor } from '../../db/events.ts'
import { feedBegin, feedIsWholeAfter } from '../../db/kept-events.ts'
import { stillHolds } from '../../db/bearers.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { AppContext } from '../env.ts'
import { openCursor, sealCursor } from '../paging.ts'
import { Problem } from '../problem.ts'
import type { Batch, Followed } from './follow.ts'
import { noLongerKept } from './history.ts'
import { actsForActive } from './standing.ts'
import { presentEvent } from './schemas.ts'

const atOnce = 200

export const feedId = ({ epoch, xid, id }: FeedCursor): string => sealCursor('feed', [epoch, xid, id])

/**
 * The place in the feed; without an id where it begins (`null`: with the first event of all), the word `now` is its end. Throws a problem where the id is not one of the feed, and
 * `gone` where events after it are no longer kept.
 */
export async function placeInFeed(c: AppContext, after: string | undefined): Promise<FeedCursor | null> {
  if (after === undefined) return await feedBegin(c.var.services.db)
  if (after === 'now') return await feedEnd(c.var.services.db)
  const place = openCursor('feed', after)
  const [epoch = '', xid = '', id = ''] = place
  if (place.length === 3 && /^\d{1,9}$/.test(epoch) && /^\d{1,18}$/.test(xid) && /^\d{1,18}$/.test(id)) {
    if (!(await feedIsWholeAfter(c.var.services.db, { epoch, xid, id }))) throw noLongerKept()
    return { epoch, xid, id }
  }
  throw new Problem('invalid_request', 'This is not an event of the feed.', {
    errors: [{ in: 'query', pointer: '/after', message: 'Expected the id of an event of the feed.' }],
  })
}

/** The feed from this place on, as a stream follows it. It never ends by itself. */
export function followFeed(
  c: AppContext,
  viewer: AccountId | null,
  place: FeedCursor | null,
): Followed<FeedCursor | null> {
  const { services, principal } = c.var
  return {
    place,
    startId: place === null ? null : feedId(place),
    read: async (after): Promise<Batch<FeedCursor | null>> => {
      const events = await readFeed(services.db, { viewer }, after, atOnce)
      return {
        frames: events.map((event) => ({
          id: feedId(event.cursor),
          event: event.type,
          data: presentEvent(event, feedId(event.cursor)),
        })),
        place: events.at(-1)?.cursor ?? after,
        more: events.length === atOnce,
        ended: false,
      }
    },
    mayGoOn: async () => (await stillHolds(services.db, principal.tokenId)) && (await actsForActive(c)),
    onNews: (heard) => services.listener.on('carrel_event', heard),
  }
}
