import type { IncomingMessage, ServerResponse } from 'node:http'
import { doorBase, doorHost, doorOrigin, parseDoorHost, reservedPath, sharedOrigin } from '../domain/doors.ts'
import type { DoorHost, DoorOrigins } from '../domain/doors.ts'
import type { CookieRule } from './cookies.ts'
import type { Dispatch } from './dispatch.ts'
import { headersOf, valuesOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

/** The pass of a door that is reached by a path: the cookie's own path tells the doors apart. */
const cookieName = 'carrel_door_path'

export interface PathDoors {
  readonly origins: DoorOrigins
  readonly cookie: CookieRule
}

/** What a request for a path of the shared host is at the door's own host. */
export interface AtDoor {
  readonly host: DoorHost
  readonly target: string
  readonly raw: string[]
}

/** Finds the door in a request target below the shared host. `null`: it is not asked for in this way. */
export function atDoor(target: string, raw: RawHeaders, { origins, cookie }: PathDoors): AtDoor | null {
  const shared = sharedOrigin(origins)
  const [host, ...more] = valuesOf(raw, 'host')
  if (more.length > 0 || host !== new URL(shared).host) return null
  const [, label = '', rest = ''] = /^\/([a-z0-9-]{1,63})(?=[/?]|$)(.*)$/.exec(target) ?? []
  const door = parseDoorHost(`${label}.${origins.domain}`, origins.domain)
  if (door === null) return null
  const origin = doorOrigin(origins, door)
  const own = rest === reservedPath || rest.startsWith(`${reservedPath}/`)
  const translated = [...headersOf(raw)].map(([name, value]) => {
    switch (name.toLowerCase()) {
      case 'host':
        return [name, new URL(origin).host]
      case 'origin':
        return [name, value === shared ? origin : value]
      case 'cookie':
        return [name, renamed(value, cookie)]
      default:
        return [name, value]
    }
  })
  return { host: door, target: own ? rest : target, raw: translated.flat() }
}

/** The path's pass under the name that it has at the door's own host; what comes under that name is none of ours. */
const renamed = (cookies: string, { name }: CookieRule): string =>
  cookies
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => !pair.startsWith(`${name}=`))
    .map((pair) => (pair.startsWith(`${cookieName}=`) ? `${name}=${pair.slice(cookieName.length + 1)}` : pair))
    .join('; ')

/** A header of an answer, as whoever came by the path may have it. */
export function fromDoor(
  name: string,
  value: string,
  door: Pick<DoorHost, 'sessionId' | 'door'>,
  { origins, cookie }: PathDoors,
): string {
  const base = doorBase(door)
  switch (name.toLowerCase()) {
    case 'location': {
      const origin = doorOrigin(origins, doorHost(door.sessionId, door.door, origins.domain))
      const path = value.startsWith(`${origin}/`) ? value.slice(origin.length) : value
      return path.startsWith(`${reservedPath}/`) ? `${base}${path}` : path
    }
    case 'set-cookie': {
      const [pair = '', ...attributes] = value.split(';').map((part) => part.trim())
      const isPass = pair.startsWith(`${cookie.name}=`)
      const kept = attributes.filter((attribute) => !/^(path|secure$|partitioned$)/i.test(attribute))
      return [isPass ? `${cookieName}${pair.slice(cookie.name.length)}` : pair, `Path=${base}/`, ...kept].join('; ')
    }
    default:
      return value
  }
}

/**
 * For development alone: answers below paths of one host, too, whatever is answered at doors' own hosts. All doors are one origin then:
 * what runs in one session can do in the others what their user can, so that nothing is kept apart but accounts.
 */
export function throughPaths(dispatch: Dispatch, doors: PathDoors): Dispatch {
  const translate = (request: IncomingMessage): DoorHost | null => {
    const found = atDoor(request.url ?? '', request.rawHeaders, doors)
    if (found === null) return null
    request.url = found.target
    request.rawHeaders = found.raw
    return found.host
  }
  return {
    async request(request, response, continues) {
      const door = translate(request)
      if (door !== null) translateAnswer(response, (name, value) => fromDoor(name, value, door, doors))
      await dispatch.request(request, response, continues)
    },
    async upgrade(request, socket, head) {
      translate(request)
      await dispatch.upgrade(request, socket, head)
    },
  }
}

/** Everything here writes its headers by `writeHead`, as a list or by their names. */
function translateAnswer(response: ServerResponse, translated: (name: string, value: string) => string): void {
  const write = response.writeHead.bind(response)
  const one = (name: string, value: unknown) => (typeof value === 'string' ? translated(name, value) : value)
  response.writeHead = (status: number, headers?: unknown) => {
    const changed = Array.isArray(headers)
      ? headers.map((value: unknown, at) => (at % 2 === 0 ? value : one(String(headers[at - 1]), value)))
      : Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, one(name, value)]))
    return write(status, changed as string[])
  }
}
