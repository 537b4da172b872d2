import type { SessionId } from '../domain/ids.ts'
import type { Db } from './connect.ts'
import { statement } from './statement.ts'

/** After one announcement the next waits so long: under load one is for many. */
const restMs = 20

/** Tells whoever listens of sessions that were recorded without a word, as their triggers would have. */
const announce = statement(`
  select pg_notify('carrel_wake', ''), (select count(pg_notify('carrel_event', id)) from unnest($1::text[]) as id)`)

/**
 * Announces sessions that were recorded by `recordWish`: at once where it is quiet, else many together. One that is lost, with
 * this process or its connection, makes nothing wrong: whoever listens looks by itself every few seconds.
 */
export function createAnnouncer(db: Db): (id: SessionId) => void {
  let untold: SessionId[] = []
  let busy = false
  const tell = () => {
    busy = untold.length > 0
    if (!busy) return
    const ids = untold
    untold = []
    void announce(db, [ids])
      .catch(() => undefined)
      .finally(() => setTimeout(tell, restMs).unref())
  }
  return (id) => {
    untold.push(id)
    if (!busy) tell()
  }
}
