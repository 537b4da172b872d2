import { clientAddresses } from './client-address.ts'
import type { ClientAddress } from './client-address.ts'
import { cookieRule } from './cookies.ts'
import { createRelieve } from './crowded-cookies.ts'
import { createDispatch } from './dispatch.ts'
import type { Desktop } from './dispatch.ts'
import { createDoorReports } from './door-reports.ts'
import type { DoorAccess, Doors } from './doors.ts'
import { createEnter } from './enter.ts'
import type { Figures } from './figures.ts'
import { createInputs } from './inputs.ts'
import { createLive } from './live.ts'
import type { Live } from './live.ts'
import { throughPaths } from './path-doors.ts'
import { createProxyHttp } from './proxy-http.ts'
import type { ProxyDeps } from './proxy-http.ts'
import { createProxyUpgrade } from './proxy-upgrade.ts'
import { createRedeem } from './redeem.ts'
import { createGatewayServer } from './server.ts'
import type { OwnService } from '../platform/own-listeners.ts'
import { locator } from '../platform/target.ts'
import type { Resolve } from '../platform/target.ts'
import { createTunnels } from './tunnels.ts'
import { createUpstream } from './upstream.ts'
import { watch } from './watch.ts'
import type { WatchLimits } from './watch.ts'
import type { DoorOrigins } from '../domain/doors.ts'

export interface GatewaySettings {
  readonly host: string
  readonly port: number
  readonly origins: DoorOrigins
  readonly frameAncestors: readonly string[]
  readonly trustedProxies: readonly string[]
  readonly firstByteMs: number
  readonly idleMs: number
  /** Whoever sends headers slower than this is not read on. */
  readonly headersMs?: number
}

/** What desktops are made from, beside what whoever makes them knows. */
export interface DesktopParts {
  readonly doors: Doors
  readonly live: Live
  readonly clientAddress: ClientAddress
}

export interface GatewayDeps {
  /** By which this process is known as long as it lives. */
  readonly id: string
  readonly settings: GatewaySettings
  readonly doors: Doors
  readonly openSecret: (access: DoorAccess & { readonly secret: Buffer }) => string
  readonly desktop: (parts: DesktopParts) => Desktop
  readonly figures: (live: Live) => Figures
  readonly warn: (message: string, error: unknown) => void
  readonly resolve?: Resolve
  /** Carrel's own services: no session is there, whatever its row says. */
  readonly own?: readonly OwnService[]
  readonly watchLimits?: Partial<WatchLimits>
}

export interface Gateway {
  readonly live: Live
  listen(): Promise<{ readonly port: number }>
  /** Something of what is open may have changed. */
  changed(): void
  /**
   * Takes nothing new after `drainMs`, and tells sockets and desktops; what else is open may finish within `graceMs`, 30 s unless
   * said otherwise. Resolves when all of it has ended.
   */
  close(drainMs: number, graceMs?: number): Promise<void>
}

const usualHeadersMs = 10_000
const usualGraceMs = 30_000
const beatEveryMs = 10_000

/** Puts the gateway together. It begins to look after what is open when it listens. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { id, settings, doors, warn } = deps
  const { origins, frameAncestors } = settings
  const embedded = frameAncestors.length > 0
  const cookie = cookieRule({ ...origins, embedded })
  const byPath = origins.byPath === true
  const live = createLive()
  const figures = deps.figures(live)
  const tunnels = createTunnels({ doors, live, warn })
  const upstream = createUpstream()
  const clientAddress = clientAddresses(settings.trustedProxies)
  const proxying: ProxyDeps = {
    upstream,
    tunnels,
    figures,
    report: createDoorReports(doors, warn),
    noteInput: createInputs(doors, warn),
    locate: locator(deps.own ?? [], deps.resolve),
    openSecret: deps.openSecret,
    frameAncestors,
    firstByteMs: settings.firstByteMs,
    idleMs: settings.idleMs,
  }
  const desktop = deps.desktop({ doors, live, clientAddress })
  const dispatch = createDispatch({
    enter: createEnter({ doors, origins, cookie, embedded, live, warn }),
    redeem: createRedeem({ doors, cookie, answered: (code) => figures.answered(code), warn }),
    relieve: createRelieve(cookie, origins),
    proxyHttp: createProxyHttp(proxying),
    proxyUpgrade: createProxyUpgrade(proxying),
    desktop,
    figures,
    clientAddress,
    frameAncestors,
    byPath,
  })
  const server = createGatewayServer({
    host: settings.host,
    port: settings.port,
    headersMs: settings.headersMs ?? usualHeadersMs,
    dispatch: byPath ? throughPaths(dispatch, { origins, cookie }) : dispatch,
    failed: (error) => warn('A request failed inside the gateway.', error),
  })
  const watching = watch({ doors, live, warn, limits: deps.watchLimits ?? {} })
  const beat = () =>
    void doors.beat(id).catch((error: unknown) => warn('The gateway could not say that it lives.', error))
  const beats = setInterval(beat, beatEveryMs)

  return {
    live,
    listen: async () => {
      beat()
      return await server.listen()
    },
    changed: () => watching.changed(),
    async close(drainMs, graceMs = usualGraceMs) {
      await server.close(drainMs, graceMs, () => live.cutWhere(({ kind }) => kind !== 'stream', 'shutdown'))
      live.cutWhere(() => true, 'shutdown')
      await Promise.all([tunnels.settled(), desktop.settled?.()])
      clearInterval(beats)
      watching.stop()
      upstream.close()
    },
  }
}
