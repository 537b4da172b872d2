import type { Trx } from '../../db/connect.ts'
import { doorFacts } from '../../db/doors.ts'
import type { DoorFacts } from '../../db/doors.ts'
import { recordEvent } from '../../db/events.ts'
import { issueTicket } from '../../db/tickets.ts'
import { requestCut } from '../../db/tunnels.ts'
import { allows, doorHost, modesOf, parseDoorPath, startPath, ticketUrl } from '../../domain/doors.ts'
import type { DoorOrigins } from '../../domain/doors.ts'
import type { SessionId } from '../../domain/ids.ts'
import { linkDoor, linkUrl } from '../../domain/link.ts'
import { usableMode } from '../../domain/authorization.ts'
import { doorModes } from '../../domain/template.ts'
import type { DoorMode, DoorProtocol, DoorSpec } from '../../domain/template.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { invalid, notFound, Problem } from '../problem.ts'
import { directUrl } from './address.ts'
import { askOutside, untilOpen } from './outside.ts'

export interface Opened {
  readonly url: string
  /** When the way in closes at the latest. */
  readonly expiresAt: Date | null
}

interface DoorWish {
  readonly door: string
  readonly mode: DoorMode
  readonly path?: string | undefined
}

/** How long a caller waits where the door is to be opened at a gateway outside. */
interface Patience {
  readonly waitMs: number
  readonly signal: AbortSignal
}

/**
 * Opens a door of the session for the caller: with a ticket for the door's own host; without a gateway, its own address. A
 * desktop that a gateway outside shows is opened there first.
 */
export async function openConnection(
  services: Services,
  deed: Deed,
  principal: Principal,
  sessionId: SessionId,
  wish: DoorWish,
  { waitMs, signal }: Patience,
): Promise<Opened> {
  const { asked, ...opened } = await change(services.db, deed, { kind: 'session', id: sessionId }, async (trx) => {
    const facts = await doorFacts(trx, sessionId, principal.accountId)
    if (facts === null) throw notFound('session')
    const door = doorOf(facts, wish)
    const path = 'url' in door ? '' : pathOf(door, wish)
    if (facts.use.state === 'ready' && !allows(mayOf(facts), wish.mode))
      throw new Problem('forbidden', 'You may not use this session in this way, or not any more.')
    if (facts.use.state !== 'ready' || facts.instance === null)
      throw new Problem('not_ready', `The session is ${facts.use.state}. Its doors open when it is ready.`)
    if ('url' in door) return { ...(await follow(trx, principal, sessionId, door, facts)), asked: null }
    const { doors: origins, directDoors, desktopsOutside = false } = services.settings
    if (origins !== null) {
      const use = { ...facts.instance.key, door: wish.door, mode: wish.mode, accountId: principal.accountId }
      const outside = desktopsOutside && door.protocol !== 'http' ? await askOutside(trx, use) : null
      return { ...(await openByTicket(trx, origins, principal, sessionId, { ...wish, path })), asked: outside }
    }
    if (!directDoors) throw new Problem('conflict', 'This installation has no way into sessions.')
    return { ...(await openDirectly(trx, services, principal, { sessionId, facts, door, wish })), asked: null }
  })
  if (asked !== null) await untilOpen(services, asked, waitMs, signal)
  return opened
}

const mayOf = (facts: DoorFacts): DoorMode | null => usableMode(facts.use, facts.account, facts, Date.now())

type Link = NonNullable<DoorFacts['link']>

function doorOf(facts: DoorFacts, wish: DoorWish): DoorSpec | Link {
  if (facts.link !== null && wish.door === linkDoor) {
    if (wish.mode !== 'control') throw invalid('/mode', 'Expected one of: control.', 'mode_unsupported')
    if (wish.path !== undefined) throw invalid('/path', 'A link leads where its template says.')
    return facts.link
  }
  const door = Object.hasOwn(facts.doors, wish.door) ? facts.doors[wish.door] : undefined
  if (door === undefined) throw invalid('/door', `Expected one of: ${namesOf(facts).join(', ')}.`, 'door_unknown')
  const modes = modesOf(door)
  if (!modes.includes(wish.mode)) throw invalid('/mode', `Expected one of: ${modes.join(', ')}.`, 'mode_unsupported')
  return door
}

const namesOf = ({ doors, link }: DoorFacts): readonly string[] => [
  ...Object.keys(doors),
  ...(link === null ? [] : [linkDoor]),
]

/** Nothing stands between the caller and where a link leads: it is told, and that it was is written down. */
async function follow(
  trx: Trx,
  { accountId }: Principal,
  sessionId: SessionId,
  { url, projectId, parameters }: Link,
  { use }: DoorFacts,
): Promise<Opened> {
  const leads = linkUrl(url, { session: sessionId, account: accountId, project: projectId, parameters })
  if (leads === null) throw new Problem('conflict', 'A parameter of this session cannot stand in its link.')
  await recordEvent(trx, sessionId, 'connection.opened', { door: linkDoor, mode: 'control', accountId })
  return { url: leads, expiresAt: use.expiresAt === null ? null : new Date(use.expiresAt) }
}

function pathOf(door: DoorSpec, wish: DoorWish): string {
  if (wish.path === undefined) return startPath(door, wish.mode)
  if (door.protocol !== 'http') throw invalid('/path', 'Only a web door has paths.')
  const path = parseDoorPath(wish.path)
  if (path === null) throw invalid('/path', 'Expected a path on the host of the door, such as /lab.')
  return path
}

async function openByTicket(
  trx: Trx,
  origins: DoorOrigins,
  { accountId, tokenId }: Principal,
  sessionId: SessionId,
  { door, mode, path }: { readonly door: string; readonly mode: DoorMode; readonly path: string },
): Promise<Opened> {
  const host = doorHost(sessionId, door, origins.domain)
  const { ticket, expiresAt } = await issueTicket(trx, { host, mode, accountId, tokenId, path })
  return { url: ticketUrl(origins, host, ticket, path), expiresAt }
}

interface Direct {
  readonly sessionId: SessionId
  readonly facts: DoorFacts
  readonly door: DoorSpec
  readonly wish: DoorWish
}

/** The instance's own address cannot tell modes apart, so it serves `control` only. */
async function openDirectly(
  trx: Trx,
  { openInstanceSecret }: Services,
  { accountId }: Principal,
  { sessionId, facts, door, wish }: Direct,
): Promise<Opened> {
  if (wish.mode !== 'control')
    throw invalid('/mode', 'A direct door cannot be opened for looking only.', 'mode_unsupported')
  if (wish.path !== undefined) throw invalid('/path', 'A direct door opens where its template says.')
  if (facts.instance === null) throw new Problem('not_ready', 'The door does not answer yet.')
  const { key, endpoints, secret } = facts.instance
  const url = directUrl(door, endpoints, () => openInstanceSecret(key, secret))
  if (url === null) throw new Problem('not_ready', 'The door does not answer yet.')
  await recordEvent(trx, sessionId, 'connection.opened', { door: wish.door, mode: wish.mode, accountId })
  return { url, expiresAt: facts.use.expiresAt === null ? null : new Date(facts.use.expiresAt) }
}

type ShownSpec = Pick<DoorSpec, 'clipboard' | 'files' | 'recording'> & { readonly protocol: DoorProtocol | 'link' }

/** A door as whoever may see the session sees it. */
export interface ShownDoor {
  readonly name: string
  readonly door: ShownSpec
  /** In which the caller may use it; nothing of a session that is over, or that one only sees. */
  readonly modes: readonly DoorMode[]
}

/** The doors of a session, with what the caller may do at each. Whether they open now depends on the session's state. */
export async function readDoors({ db }: Pick<Services, 'db'>, { accountId }: Principal, id: SessionId) {
  const facts = await doorFacts(db, id, accountId)
  if (facts === null) throw notFound('session')
  const may = mayOf(facts)
  const doors = Object.entries(facts.doors).map(([name, door]): ShownDoor => {
    const offered = modesOf(door)
    return { name, door, modes: doorModes.filter((mode) => offered.includes(mode) && allows(may, mode)) }
  })
  if (facts.link !== null)
    doors.push({ name: linkDoor, door: { protocol: 'link' }, modes: allows(may, 'control') ? ['control'] : [] })
  return { doors, open: facts.use.state === 'ready' && may !== null }
}

/** Wishes that a tunnel ends: its gateway cuts it within seconds. Repeats change nothing. */
export async function cutTunnel(
  { db }: Pick<Services, 'db'>,
  deed: Deed,
  principal: Principal,
  sessionId: SessionId,
  tunnelId: string,
): Promise<void> {
  const about = { ...deed, detail: { ...deed.detail, tunnelId } }
  await change(db, about, { kind: 'session', id: sessionId }, async (trx) => {
    const cut = await requestCut(trx, sessionId, tunnelId)
    if (cut === null) throw notFound('tunnel')
    if (!cut.isNew) return
    const { door, mode, accountId } = cut
    await recordEvent(trx, sessionId, 'connection.cut', { tunnelId, door, mode, accountId, by: principal.accountId })
  })
}
