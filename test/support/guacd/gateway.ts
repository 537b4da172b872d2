import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../../../platform/logging.ts'
import type { AccountId, ProviderId, SessionId } from '../../../domain/ids.ts'
import type { DoorMode, DoorSpec } from '../../../domain/template.ts'
import { createDesktops } from '../../../gateway/desktop/desktop.ts'
import type { DesktopDeps } from '../../../gateway/desktop/desktop.ts'
import type { DoorAccess, TunnelId } from '../../../gateway/doors.ts'
import { createLive } from '../../../gateway/live.ts'
import type { Live } from '../../../gateway/live.ts'
import type { GuacdAddress } from '../../../gateway/desktop/gate.ts'

/** A gateway of desktops alone: who comes in is decided by the address, not by a pass. */
export interface DesktopGateway {
  readonly origin: string
  readonly live: Live
  /** How tunnels ended, as their rows say. */
  readonly closed: {
    readonly id: string
    readonly reason: string
    readonly bytesIn: number
    readonly bytesOut: number
  }[]
  readonly reported: string[]
  close(): Promise<void>
}

interface Desk {
  readonly host: string
  readonly port: number
  readonly password: string
  /** It speaks TLS with this certificate. */
  readonly fingerprint?: string
}

export interface DesktopGatewayPlan {
  readonly guacds: readonly GuacdAddress[]
  /** The doors by the first part of a host name: `<name>-control.localhost` and `<name>-view.localhost`. */
  readonly doors: Readonly<Record<string, Desk>>
  readonly spec?: Partial<DoorSpec>
  readonly more?: Partial<DesktopDeps>
}

const quiet: Pick<Logger, 'info' | 'warn'> = { info: () => undefined, warn: () => undefined }

export async function startDesktopGateway({ guacds, doors, spec, more }: DesktopGatewayPlan): Promise<DesktopGateway> {
  const live = createLive()
  const closed: { id: string; reason: string; bytesIn: number; bytesOut: number }[] = []
  const reported: string[] = []
  let tunnels = 0
  const desktops = createDesktops({
    guacds,
    live,
    doors: {
      openTunnel: () => Promise.resolve(`tunnel${(tunnels += 1)}` as TunnelId),
      closeTunnel: (id, reason, bytes) => Promise.resolve(void closed.push({ id, reason, ...bytes })),
      reportDoor: (_session, door, outcome) => Promise.resolve(void reported.push(`${door} ${outcome}`)),
    },
    target: ({ endpoint }) =>
      Promise.resolve(endpoint === null ? { kind: 'unreachable' } : { kind: 'address', ...endpoint }),
    openSecret: ({ secret }) => secret?.toString() ?? null,
    recordings: null,
    bridge: { host: null, peers: [] },
    frameAncestors: [],
    remoteAddress: () => '127.0.0.1',
    log: quiet,
    ...more,
  })
  const accessOf = (host: string): DoorAccess | null => {
    const [, name = '', mode = ''] = /^([a-z0-9]+)-(control|view)\./.exec(host) ?? []
    const door = doors[name]
    return door === undefined ? null : accessTo(name, mode as DoorMode, door, spec)
  }

  const server = createServer((request, response) => {
    const access = accessOf(request.headers.host ?? '')
    if (access === null) response.writeHead(403).end()
    else void desktops.page(request, response, access)
  })
  server.on('upgrade', (request, socket, head) => {
    const access = accessOf(request.headers.host ?? '')
    if (access === null) socket.destroy()
    else void desktops.tunnel(request, socket, head, access)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo
  return {
    origin: `localhost:${port}`,
    live,
    closed,
    reported,
    close: async () => {
      live.cutWhere(() => true, 'shutdown')
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What the gateway knows of a bearer of a pass, made up. */
export function accessTo(
  name: string,
  mode: DoorMode,
  { host, port, password, fingerprint }: Desk,
  spec: Partial<DoorSpec> = {},
): DoorAccess {
  return {
    passId: `pass-${name}-${mode}`,
    sessionId: `ses${name}` as SessionId,
    door: 'desktop',
    mode,
    accountId: `acc${mode}` as AccountId,
    spec: { protocol: 'vnc', port: 5901, modes: ['control', 'view'], ...spec },
    state: 'ready',
    generation: 1,
    providerId: 'prov' as ProviderId,
    networks: ['127.0.0.0/8'],
    endpoint: { host, port, ...(fingerprint === undefined ? {} : { fingerprint }) },
    secret: Buffer.from(password),
    expiresAt: null,
  }
}
