import { doorFacts } from '../../db/doors.ts'
import { recordEvent } from '../../db/events.ts'
import type { SessionId } from '../../domain/ids.ts'
import { mayUse } from '../../domain/rights.ts'
import type { DoorMode } from '../../domain/template.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { invalid, notFound, Problem } from '../problem.ts'
import { directUrl } from './address.ts'

export interface Opened {
  readonly url: string
  /** When the way in closes at the latest. */
  readonly expiresAt: Date | null
}

/**
 * Opens a door of the session for the caller. For now the one way is the instance's own address, which a development
 * installation alone gives: it cannot tell modes apart, so it serves `control` only.
 */
export async function openConnection(
  { db, settings, openInstanceSecret }: Services,
  deed: Deed,
  principal: Principal,
  sessionId: SessionId,
  wish: { readonly door: string; readonly mode: DoorMode },
): Promise<Opened> {
  return await change(db, deed, { kind: 'session', id: sessionId }, async (trx) => {
    const facts = await doorFacts(trx, sessionId, principal.accountId)
    if (facts === null) throw notFound('session')
    const door = Object.hasOwn(facts.doors, wish.door) ? facts.doors[wish.door] : undefined
    if (door === undefined)
      throw invalid('/door', `Expected one of: ${Object.keys(facts.doors).join(', ')}.`, 'door_unknown')
    if (!door.modes.includes(wish.mode))
      throw invalid('/mode', `Expected one of: ${door.modes.join(', ')}.`, 'mode_unsupported')
    if (facts.use.state === 'ready' && !mayUse(facts.use, facts.account, facts, Date.now()))
      throw new Problem('forbidden', 'This session may not be used any more.')
    if (facts.use.state !== 'ready' || facts.instance === null)
      throw new Problem('not_ready', `The session is ${facts.use.state}. Its doors open when it is ready.`)
    if (!settings.directDoors) throw new Problem('conflict', 'This installation has no way into sessions.')
    if (wish.mode !== 'control')
      throw invalid('/mode', 'A direct door cannot be opened for looking only.', 'mode_unsupported')
    const { key, endpoints, secret } = facts.instance
    const url = directUrl(door, endpoints, () => openInstanceSecret(key, secret))
    if (url === null) throw new Problem('not_ready', 'The door does not answer yet.')
    const { door: name, mode } = wish
    await recordEvent(trx, sessionId, 'connection.opened', { door: name, mode, accountId: principal.accountId })
    return { url, expiresAt: facts.use.expiresAt === null ? null : new Date(facts.use.expiresAt) }
  })
}
