import type { WorkerInterceptors } from '@temporalio/worker'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { connect } from '../db/connect.ts'
import { readInstallation } from '../db/installation.ts'
import { createListener } from '../db/listen.ts'
import { createHandoverRecords } from '../db/handover-records.ts'
import { createLinkRecords } from '../db/link-records.ts'
import { withTimings } from '../domain/timings.ts'
import { readConfig } from '../platform/config.ts'
import { createKeyring } from '../platform/keyring.ts'
import { serveHealth } from '../platform/health.ts'
import { createLogger } from '../platform/logging.ts'
import type { Logger } from '../platform/logging.ts'
import { countForeignPayloads, createMetrics } from '../platform/metrics.ts'
import { createSecrets, handoverSecrets } from '../platform/secrets.ts'
import { listenerAt, ownServices } from '../platform/own-listeners.ts'
import { createTemporalClient } from '../platform/temporal/connection.ts'
import { createDataConverter } from '../platform/temporal/data-converter.ts'
import { createGuacamoleGateway } from '../ports/access/guacamole/gateway.ts'
import { guacamoleSettings } from '../ports/access/guacamole/settings.ts'
import { createSmtpMailer } from '../ports/mail/smtp/mailer.ts'
import { smtpSettings } from '../ports/mail/smtp/settings.ts'
import { createAccessAccounts } from './access-accounts.ts'
import { readBuiltBundle } from './built-bundle.ts'
import type { WorkerDeps } from './deps.ts'
import { openCatalogues } from './catalogues.ts'
import { createOpening } from './opening.ts'
import { rolesOf } from './roles.ts'
import { startWorker } from './worker.ts'

/** Longer than the workers' grace time: then the process ends whatever still hangs. */
const hardLimitMs = 45_000

/** Temporal's own words, from warnings on, in our log. */
const temporalLogger = (log: Logger) =>
  new DefaultLogger('WARN', ({ level, message, meta }) =>
    level === 'ERROR' ? log.error({ temporal: meta }, message) : log.warn({ temporal: meta }, message),
  )

/**
 * The whole of a worker process, from its configuration to its last word on SIGTERM. A proof gives its own interceptors, and
 * its own providers and gateway. Throws `ConfigInvalid`, or what kept it from starting.
 */
export async function runWorkerProcess(
  interceptors?: WorkerInterceptors,
  openOtherwise?: WorkerDeps['openProvider'],
  openAccessOtherwise?: WorkerDeps['openAccess'],
): Promise<void> {
  const config = readConfig([
    'database',
    'temporal',
    'keys',
    'worker',
    'guacamole',
    'timings',
    'providerNetworks',
    'reports',
    'experiments',
    'catalogues',
    'posix',
    'mail',
    'invitations',
  ])
  const log = createLogger({ process: 'worker', level: config.logLevel })
  for (const key of config.unknownKeys) log.warn({ key }, 'this variable is not one of ours: misspelt?')
  Runtime.install({ shutdownSignals: [], logger: temporalLogger(log) })
  const metrics = createMetrics('worker')
  const keyring = createKeyring(config.keys)
  const dataConverter = createDataConverter(keyring, countForeignPayloads(metrics))
  const unverified = metrics.counter(
    'outside_unverified_total',
    'Tunnels at the gateway outside that were ended because Postgres did not answer',
  )
  const unnamed = metrics.counter(
    'provider_unnamed_states_total',
    'Sightings of instances in a state that the driver of their provider does not name',
    ['provider'],
  )
  const db = connect({ url: config.database.url, poolSize: 20, name: 'carrel-worker' })
  const listener = createListener(config.database.url, (message) => log.warn(message))
  const connection = await NativeConnection.connect({ address: config.temporal.address })
  const client = createTemporalClient(config.temporal, dataConverter)
  const { deploymentId } = await readInstallation(db)

  const roles = rolesOf(config.worker.roles)
  const { workflowBundle: bundle } = config.worker
  const secrets = createSecrets(keyring)
  const openByConfig = createOpening(
    {
      development: config.environment === 'development',
      weakIsolationAllowedFor: config.worker.weakIsolationAllowedFor,
      backendNetworks: config.providerNetworks,
      linksOf: (id) => createLinkRecords(db, id),
      handoversOf: (id) =>
        createHandoverRecords(db, id, (place, text) => secrets.encrypt(handoverSecrets(place), text)),
    },
    secrets,
  )
  const smtp = config.mail === null ? null : smtpSettings.parse(config.mail)
  const tries = metrics.counter('mail_tries_total', 'Tries to send a mail, by what came of them', ['outcome'])
  const outside = config.guacamole === null ? null : guacamoleSettings.parse(config.guacamole)

  const { promise: asked, resolve: leave } = Promise.withResolvers<number>()
  // A signal may come twice, and before all stands; then it is ended in order as soon as it does.
  const end = (code: number) => {
    setTimeout(() => process.exit(1), hardLimitMs).unref()
    leave(code)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0))
  const worker = await startWorker(
    {
      db,
      listener,
      connection,
      client,
      namespace: config.temporal.namespace,
      dataConverter,
      timings: withTimings(config.timings),
      retention: config.worker.retention,
      ...config.experiments,
      // Only who asks them has their passwords.
      ...(roles.core ? { catalogues: openCatalogues(config.catalogues, config.posix.rule) } : {}),
      secrets,
      deploymentId,
      log,
      countUnverified: (tunnels) => unverified.inc(tunnels),
      // An increase is only seen where there was a zero before.
      countUnnamed: (provider, sightings) => unnamed.inc({ provider }, sightings),
      ownServices: ownServices([
        config.database.url,
        config.temporal.address,
        config.temporal.uiUrl,
        config.reports.apiUrl,
        config.reports.url,
        listenerAt(config.worker.metricsHost, config.worker.metricsPort),
      ]),
      ...(config.reports.url === null ? {} : { reportUrl: config.reports.url }),
      openProvider: (row, sealed) => openOtherwise?.(row, sealed) ?? openByConfig(row, sealed),
      ...(outside === null
        ? {}
        : {
            openAccess:
              openAccessOtherwise ??
              (() => createGuacamoleGateway({ settings: outside, accounts: createAccessAccounts(db, secrets) })),
          }),
      ...(smtp === null
        ? {}
        : {
            mail: {
              open: () => createSmtpMailer(smtp),
              pageUrl: config.invitations.pageUrl,
              timeZone: config.experiments.access.timeZone,
              count: (outcome: string) => tries.inc({ outcome }),
            },
          }),
      inactivePatches: config.worker.inactivePatches,
      ...(config.worker.version === null ? {} : { version: config.worker.version }),
      ...(interceptors === undefined ? {} : { interceptors }),
      ...(bundle === null || !roles.core ? {} : { workflowBundle: await readBuiltBundle(bundle) }),
    },
    roles,
    (error) => {
      log.error({ error }, 'a worker ended by itself; the process ends, and what watches it starts another')
      end(1)
    },
  )
  const health = await serveHealth({
    host: config.worker.metricsHost,
    port: config.worker.metricsPort,
    metrics,
    whyUnready: worker.whyIdle,
  })
  log.info({ providers: worker.serving(), health: health.url }, 'the worker serves')

  const code = await asked
  health.ready(false)
  await worker.stop()
  await listener.close()
  await Promise.allSettled([connection.close(), client.connection.close(), db.destroy(), health.close()])
  process.exit(code)
}
