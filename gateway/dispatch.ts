import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { reservedPath } from '../domain/doors.ts'
import { answerOf, send, sendRaw, wantsPage } from './answer.ts'
import type { OwnAnswer } from './answer.ts'
import type { ClientAddress } from './client-address.ts'
import type { Relieve } from './crowded-cookies.ts'
import type { DoorAccess } from './doors.ts'
import type { Admitted, Arriving, Enter, Entrance } from './enter.ts'
import type { Figures } from './figures.ts'
import type { Notice } from './pages/notices.ts'
import { notices } from './pages/notices.ts'
import { openPage } from './pages/open.ts'
import { ownHeaders } from './pages/layout.ts'
import type { ProxyHttp } from './proxy-http.ts'
import type { ProxyUpgrade } from './proxy-upgrade.ts'
import { valueOf } from './raw-headers.ts'
import { framingOf } from './request-headers.ts'
import type { Redeem } from './redeem.ts'

/** What shows desktops: everything on the host of such a door but the opening of it. */
export interface Desktop {
  page(request: IncomingMessage, response: ServerResponse, access: DoorAccess): Promise<void>
  tunnel(request: IncomingMessage, socket: Duplex, head: Buffer, access: DoorAccess): Promise<void>
  /** Resolves when the rows of those that have ended are closed. */
  settled?(): Promise<void>
}

export interface DispatchDeps {
  readonly enter: Enter
  readonly redeem: Redeem
  readonly relieve: Relieve
  readonly proxyHttp: ProxyHttp
  readonly proxyUpgrade: ProxyUpgrade
  readonly desktop: Desktop
  readonly figures: Figures
  readonly clientAddress: ClientAddress
  readonly frameAncestors: readonly string[]
  /** Doors are paths of one host. */
  readonly byPath?: boolean
}

export interface Dispatch {
  request(request: IncomingMessage, response: ServerResponse, continues: boolean): Promise<void>
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
}

type Noticed = Extract<Admitted, { kind: 'notice' }>

/** Leads each request to whoever answers it. */
export function createDispatch(deps: DispatchDeps): Dispatch {
  const { enter, redeem, relieve, proxyHttp, proxyUpgrade, desktop, figures, clientAddress, frameAncestors } = deps
  const page = openPage(frameAncestors, deps.byPath)
  const opening: OwnAnswer = { status: 200, headers: [...ownHeaders, ...page.headers], body: page.html }

  const arriving = (request: IncomingMessage, upgrade: boolean): Arriving => ({
    method: request.method ?? '',
    target: request.url ?? '',
    upgrade,
    raw: request.rawHeaders,
  })
  /** What the answer to a request is to say for the cookies that did not fit into it. */
  const forgettings = new WeakMap<IncomingMessage, readonly string[]>()
  /** Takes them out of it: some requests stay open for days. */
  const thin = (request: IncomingMessage) => {
    const relieved = relieve(request.url ?? '', request.rawHeaders)
    if (relieved === null) return
    request.rawHeaders = [...relieved.raw]
    delete request.headers.cookie
    forgettings.set(request, relieved.forgetting)
  }
  const reply = (request: IncomingMessage, response: ServerResponse, own: OwnAnswer) =>
    send(request, response, { ...own, headers: [...(forgettings.get(request) ?? []), ...own.headers] })
  const noticed = (notice: Notice): Noticed => ({ kind: 'notice', notice, headers: [] })
  const answer = (request: IncomingMessage, response: ServerResponse, { notice, headers }: Noticed) => {
    figures.answered(notice.code)
    const forPerson = wantsPage(request.method, request.rawHeaders)
    reply(request, response, answerOf(notice, forPerson, frameAncestors, headers))
  }

  const carrelPage = async (
    request: IncomingMessage,
    response: ServerResponse,
    { host, origin, path }: Extract<Entrance, { kind: 'carrel' }>,
  ): Promise<void> => {
    if (path === `${reservedPath}/open`) {
      if (request.method === 'GET' || request.method === 'HEAD') return reply(request, response, opening)
      return answer(request, response, noticed(notices.method_not_allowed))
    }
    if (path === redeemPath) return reply(request, response, await redeem(request, host, origin))
    const admitted = await enter.admit(arriving(request, false), host, origin)
    if (admitted.kind === 'notice') return answer(request, response, admitted)
    if (admitted.access.spec.protocol === 'http') return answer(request, response, noticed(notices.not_found))
    await desktop.page(request, response, admitted.access)
  }

  return {
    async request(request, response, continues) {
      thin(request)
      const entrance = await enter(arriving(request, false))
      if (entrance.kind === 'notice') return answer(request, response, entrance)
      if (entrance.kind === 'carrel' || entrance.access.spec.protocol !== 'http') {
        // What nobody reads would be read for ever, to be thrown away.
        if (hasBody(request) && !takesBody(entrance))
          return answer(request, response, noticed(notices.payload_too_large))
        if (continues) response.writeContinue()
      }
      if (entrance.kind === 'carrel') return await carrelPage(request, response, entrance)
      const { access, origin, target } = entrance
      if (access.spec.protocol !== 'http') return await desktop.page(request, response, access)
      if (isForWholeHost(request, target)) return answer(request, response, noticed(notices.not_found))
      const address = clientAddress(request.socket.remoteAddress, request.rawHeaders)
      const visit = { access, origin, target, clientAddress: address, forgetting: forgettings.get(request) ?? [] }
      await proxyHttp(request, response, visit, continues)
    },

    async upgrade(request, socket, head) {
      const refuse = ({ notice, headers }: Noticed) => {
        figures.answered(notice.code)
        sendRaw(socket, answerOf(notice, false, frameAncestors, headers))
      }
      socket.on('error', () => socket.destroy())
      thin(request)
      const what = arriving(request, true)
      const entrance = await enter(what)
      if (entrance.kind === 'notice') return refuse(entrance)
      if (entrance.kind === 'carrel') {
        const admitted = await enter.admit(what, entrance.host, entrance.origin)
        if (admitted.kind === 'notice') return refuse(admitted)
        if (admitted.access.spec.protocol === 'http') return refuse(noticed(notices.not_found))
        return await desktop.tunnel(request, socket, head, admitted.access)
      }
      const { access, origin, target } = entrance
      if (access.spec.protocol !== 'http') return refuse(noticed(notices.not_found))
      const address = clientAddress(request.socket.remoteAddress, request.rawHeaders)
      await proxyUpgrade(request, socket, head, { access, origin, target, clientAddress: address })
    },
  }
}

const redeemPath = `${reservedPath}/redeem`
const takesBody = (entrance: Entrance) => entrance.kind === 'carrel' && entrance.path === redeemPath

function hasBody({ rawHeaders }: IncomingMessage): boolean {
  const framing = framingOf(rawHeaders)
  return framing.kind !== 'none' && !(framing.kind === 'length' && Number(framing.length) === 0)
}

/**
 * A service worker of the session that ruled its whole host would rule Carrel's paths on it, too: it would see tickets. Its reach is
 * the folder that it lies in.
 */
function isForWholeHost(request: IncomingMessage, target: string): boolean {
  if (valueOf(request.rawHeaders, 'service-worker')?.toLowerCase() !== 'script') return false
  return /^\/+[^/]*$/.test(target.split('?', 1).join(''))
}
