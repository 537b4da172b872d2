import { idPattern } from './ids.ts'
import type { SessionId } from './ids.ts'
import { linkDoor } from './link.ts'
import type { DoorMode, DoorProtocol, DoorSpec } from './template.ts'

/** What the name of a door matches: good as a part of a host name, and never with the dash that parts it. */
export const doorNamePattern = /^[a-z][a-z0-9]{0,15}$/

/** A door of a session, as a host name says it. `name`: the host name itself, in lower case, without a port. */
export interface DoorHost {
  readonly sessionId: SessionId
  readonly door: string
  readonly name: string
}

/** The host name of a door: `<session>-<door>.<domain>`. */
export const doorHost = (sessionId: SessionId, door: string, domain: string): DoorHost => ({
  sessionId,
  door,
  name: `${sessionId}-${door}.${domain}`,
})

/**
 * The door that a `Host` header names, with or without a port. `null`: it is no door's name below `domain`. Names are
 * compared without regard to case; one that ends with a dot is another origin to a browser, and so none of ours.
 */
export function parseDoorHost(host: string, domain: string): DoorHost | null {
  const [, name = '', label = ''] =
    /^(([a-z0-9-]{1,63})\.[a-z0-9.-]{1,190})(?::\d{1,5})?$/.exec(host.toLowerCase()) ?? []
  if (name !== `${label}.${domain}`) return null
  const [sessionId = '', door = '', ...more] = label.split('-')
  if (more.length > 0 || !idPattern.test(sessionId) || !doorNamePattern.test(door)) return null
  return { sessionId: sessionId as SessionId, door, name }
}

/** How doors are reached from outside: `port` is `null` where it is the scheme's own. */
export interface DoorOrigins {
  readonly scheme: 'http' | 'https'
  readonly domain: string
  readonly port: number | null
  /** Development only: browsers that resolve no names below `localhost` are led to paths of one host that all doors share. */
  readonly byPath?: true
}

/** The origin of a door, as a browser says it. */
export const doorOrigin = ({ scheme, port }: DoorOrigins, host: DoorHost): string =>
  `${scheme}://${host.name}${port === null ? '' : `:${port}`}`

/** Where what is Carrel's lies on the host of a door; every other path is the session's. */
export const reservedPath = '/.carrel'

/** The one origin of doors that are reached by paths. */
export const sharedOrigin = ({ port }: DoorOrigins): string => `http://127.0.0.1${port === null ? '' : `:${port}`}`

/** Below which path of that a door is. The session sees it, too, and must have been told of it. */
export const doorBase = ({ sessionId, door }: Pick<DoorHost, 'sessionId' | 'door'>): string => `/${sessionId}-${door}`

/** The address that opens a door once. Ticket and path stand in the fragment, which no server and no log sees. */
export function ticketUrl(origins: DoorOrigins, host: DoorHost, ticket: string, path: string): string {
  const front = origins.byPath === true ? `${sharedOrigin(origins)}${doorBase(host)}` : doorOrigin(origins, host)
  return `${front}${reservedPath}/open#ticket=${ticket}&path=${encodeURIComponent(path)}`
}

export const longestPath = 2_000
const noHost = 'http://door.invalid'

/**
 * The path on a door's own host that somebody asks for, as a browser would resolve it. `null`: it may not be asked for, as it
 * leaves the host, is Carrel's own, is too long, or has something in it that browsers and servers read differently.
 */
export function parseDoorPath(text: string): string | null {
  if (text.length > longestPath || !text.startsWith('/') || !text.isWellFormed()) return null
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(text)) return null
  if (!URL.canParse(text, noHost)) return null
  const { origin, pathname, search, hash } = new URL(text, noHost)
  const resolved = `${pathname}${search}${hash}`
  if (origin !== noHost || resolved.length > longestPath) return null
  const beforeQuery = text.split(/[?#]/, 1).join('')
  if (beforeQuery.includes('//') || isReserved(pathname)) return null
  return resolved
}

/** Whether a path is Carrel's own on the host of a door, however it is written. */
export function isReserved(pathname: string): boolean {
  const [first = ''] = pathname.replace(/^\/+/, '').split('/')
  return (
    `/${decoded(first)
      .toLowerCase()
      .split(/[/\\;]/, 1)
      .join('')}` === reservedPath
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What a ticket looks like: anything else is not worth a query. */
export const looksLikeTicket = (text: string): boolean => /^ct_[A-Za-z0-9_-]{43}$/.test(text)
/** The same of a pass. */
export const looksLikePass = (text: string): boolean => /^cp_[A-Za-z0-9_-]{43}$/.test(text)

export const ticketLifeMs = 30_000
export const longestPassMs = 12 * 60 * 60 * 1_000

/** The modes that a door has: one of the web only shows what it is when it is told where. */
export const modesOf = (door: Pick<DoorSpec, 'protocol' | 'modes' | 'readOnly'>): readonly DoorMode[] =>
  door.protocol === 'http' && door.readOnly === undefined ? door.modes.filter((mode) => mode === 'control') : door.modes

/** The doors of a session or a template, by name, as everybody is shown them who sees it: its own, or the one of a link. */
export function shownDoors({
  doors,
  isLink,
}: {
  readonly doors: Readonly<Record<string, DoorSpec>>
  readonly isLink: boolean
}) {
  const own = Object.entries(doors).map(([name, door]): ShownDoor => [
    name,
    { protocol: door.protocol, modes: [...modesOf(door)] },
  ])
  return isLink ? [...own, [linkDoor, { protocol: 'link', modes: ['control'] }] satisfies ShownDoor] : own
}

type ShownDoor = [name: string, door: { protocol: DoorProtocol | 'link'; modes: DoorMode[] }]

/** Whether what somebody may do holds what is asked for. */
export const allows = (may: DoorMode | null, asked: DoorMode): boolean => may === 'control' || may === asked

/** The port of the instance at which a door is reached in a mode. */
export const portOf = (door: DoorSpec, mode: DoorMode): number =>
  mode === 'view' && door.readOnly !== undefined ? door.readOnly.port : door.port

/** Where a door starts that is entered through a gateway, which brings the secret itself. */
export function startPath(door: DoorSpec, mode: DoorMode): string {
  const path = (mode === 'view' && door.readOnly !== undefined ? door.readOnly.path : door.path) ?? '/'
  const [before = '/'] = path.includes('{secret}') ? path.split('?', 1) : [path]
  return (before.includes('{secret}') ? null : parseDoorPath(before)) ?? '/'
}

/** Why a connection to a session ended. Open to growth. */
export const closeReasons = [
  'left',
  'idle',
  'ended',
  'paused',
  'withdrawn',
  'expired',
  'cut',
  'gateway_lost',
  'replaced',
] as const
export type CloseReason = (typeof closeReasons)[number]
