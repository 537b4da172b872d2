import { randomUUID } from 'node:crypto'
import { connect, ping } from '../db/connect.ts'
import { createGatewayDoors } from '../db/gateway-doors.ts'
import { createListener } from '../db/listen.ts'
import { outsideEntry } from '../db/outside-entry.ts'
import { ConfigInvalid, readConfig } from '../platform/config.ts'
import { createKeyring } from '../platform/keyring.ts'
import { serveHealth } from '../platform/health.ts'
import { createLogger } from '../platform/logging.ts'
import { createMetrics } from '../platform/metrics.ts'
import { createSecrets, instanceSecret, outsideToken } from '../platform/secrets.ts'
import { createDesktops } from './desktop/desktop.ts'
import { exportLoad } from './desktop/load-figures.ts'
import { keepPruned } from './desktop/recording.ts'
import type { DoorAccess } from './doors.ts'
import { createFigures } from './figures.ts'
import { createGateway } from './gateway.ts'
import { createOutsideDesktop } from './outside.ts'
import { listenerAt, ownServices } from '../platform/own-listeners.ts'
import { locator } from '../platform/target.ts'

/** Longer than everything that is waited for at the end, once it is drained. */
const hardLimitMs = 40_000

async function main(): Promise<void> {
  const config = readConfig(['database', 'keys', 'gateway', 'desktops'])
  const log = createLogger({ process: 'gateway', level: config.logLevel })
  for (const key of config.unknownKeys) log.warn({ key }, 'this variable is not one of ours: misspelt?')
  const metrics = createMetrics('gateway')
  const secrets = createSecrets(createKeyring(config.keys))
  const db = connect({ url: config.database.url, poolSize: 10, statementTimeoutMs: 5_000, name: 'carrel-gateway' })
  const listener = createListener(config.database.url, (message) => log.warn(message))
  const id = `g${randomUUID()}`
  const { gateway: settings } = config
  const openSecret = (access: DoorAccess & { readonly secret: Buffer }) =>
    secrets.decrypt(instanceSecret(access), access.secret).toString()
  const entryOf = async (access: DoorAccess) => {
    const entry = await outsideEntry(db, access)
    if (entry === null) return null
    return { url: entry.url, token: secrets.decrypt(outsideToken(access.accountId), entry.token).toString() }
  }
  const warn = (message: string, err: unknown) => log.warn({ err }, message)
  const own = ownServices([
    config.database.url,
    settings.apiUrl,
    listenerAt(settings.host, settings.port),
    listenerAt(settings.metricsHost, settings.metricsPort),
    ...settings.guacd,
  ])

  if (settings.origins.byPath === true)
    log.warn('doors are paths of one host: nothing keeps sessions apart from each other in a browser')

  const gateway = createGateway({
    id,
    settings,
    doors: createGatewayDoors({ db, gatewayId: id }),
    openSecret,
    desktop: ({ doors, live, clientAddress }) => {
      if (config.desktops.outside)
        return createOutsideDesktop({ entryOf, frameAncestors: settings.frameAncestors, warn })
      const desktops = createDesktops({
        doors,
        live,
        target: locator(own),
        openSecret: (access) => (access.secret === null ? null : openSecret({ ...access, secret: access.secret })),
        recordings: settings.guacdRecordings,
        bridge: settings.guacdBridge,
        log,
        guacds: settings.guacd.map(guacdAt),
        frameAncestors: settings.frameAncestors,
        remoteAddress: (request) => clientAddress(request.socket.remoteAddress, request.rawHeaders),
      })
      exportLoad(metrics, () => desktops.load())
      return desktops
    },
    figures: (live) => createFigures(metrics, live),
    warn,
    own,
  })

  let serving = false
  let stop: () => Promise<void> = async () => process.exit(0)
  // A signal may come twice, from the terminal and from what started us: the second is the same wish.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop())
  const control = await serveHealth({
    host: settings.metricsHost,
    port: settings.metricsPort,
    metrics,
    whyUnready: async () => {
      if (!serving) return 'stopping or starting'
      return await ping(db).then(
        () => null,
        () => 'the database does not answer',
      )
    },
  })
  const { port } = await gateway.listen()
  listener.on('carrel_access', () => gateway.changed())
  serving = true
  if (settings.guacdRecordings !== null)
    keepPruned(settings.guacdRecordings, {
      pruned: (count) => log.info({ count }, 'recordings whose time was over were removed'),
      failed: (err) => warn('Recordings cannot be pruned.', err),
    })
  log.info({ host: settings.host, port, control: control.url, gateway: id }, 'the gateway serves')

  stop = async () => {
    if (!serving) return
    serving = false
    setTimeout(() => process.exit(1), settings.drainMs + hardLimitMs).unref()
    await gateway.close(settings.drainMs)
    await listener.close()
    await Promise.allSettled([control.close(), db.destroy()])
    process.exit(0)
  }
}

/** `host:port`, as configuration has checked it. */
function guacdAt(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) }
}

main().catch((error: unknown) => {
  if (error instanceof ConfigInvalid) console.error(error.message)
  else console.error('The gateway could not start.', error)
  process.exit(1)
})
