import { connect } from '../db/connect.ts'
import { createListener } from '../db/listen.ts'
import { withTimings } from '../domain/timings.ts'
import { ConfigInvalid, readConfig } from '../platform/config.ts'
import type { Config } from '../platform/config.ts'
import { createKeyring } from '../platform/keyring.ts'
import { createLogger } from '../platform/logging.ts'
import { countForeignPayloads, createMetrics } from '../platform/metrics.ts'
import {
  bodyDigest,
  createSecrets,
  handoverSecrets,
  hawkKey,
  instanceSecret,
  invitationCode,
  newInstanceSecret,
  providerSecrets,
  sessionParameters,
} from '../platform/secrets.ts'
import { decodeForDisplay } from '../platform/temporal/codec.ts'
import { createTemporalClient } from '../platform/temporal/connection.ts'
import { createDataConverter } from '../platform/temporal/data-converter.ts'
import { createStarter } from '../starter/starter.ts'
import { createCsvDirectory } from '../ports/identity/directory/csv.ts'
import { createLdapDirectory } from '../ports/identity/directory/ldap.ts'
import { createPosixSources } from './accounts/posix-sources.ts'
import { createApp } from './app.ts'
import type { HandoverSecrets } from './deps.ts'
import { hawkPlaceOf } from './hawk.ts'
import { createServer } from './server.ts'
import { createSignIn } from './sign-in/compose.ts'
import { decidersOfLogins, expectDeciders } from './user-office/deciders.ts'
import { composeUserOffice } from './user-office/office.ts'
import { createRechecks } from './sign-in/rechecks.ts'

/** Longer than everything that is waited for at the end, once it is drained. */
const hardLimitMs = 25_000

async function main(): Promise<void> {
  const config = readConfig([
    'database',
    'temporal',
    'keys',
    'api',
    'doors',
    'desktops',
    'providerNetworks',
    'issuers',
    'posix',
    'userOffice',
    'experiments',
    'catalogues',
    'invitations',
    'timings',
  ])
  const { issuers } = config.issuers
  expectDeciders(config.catalogues.sources, decidersOfLogins(issuers, config.userOffice))
  const userOffice = composeUserOffice({ config: config.userOffice, issuers })
  const log = createLogger({ process: 'api', level: config.logLevel })
  for (const key of config.unknownKeys) log.warn({ key }, 'this variable is not one of ours: misspelt?')
  const metrics = createMetrics('api')
  const keyring = createKeyring(config.keys)
  const secrets = createSecrets(keyring)
  const db = connect({ url: config.database.url, poolSize: 10, statementTimeoutMs: 5_000, name: 'carrel-api' })
  const listener = createListener(config.database.url, (message) => log.warn(message))
  const client = createTemporalClient(config.temporal, createDataConverter(keyring, countForeignPayloads(metrics)))
  const starter = createStarter({
    db,
    client,
    timings: withTimings(config.timings),
    listener,
    warn: (message, err) => log.warn({ err }, message),
    patient: true,
  }).start()

  let serving = true
  let stop: () => Promise<void> = async () => process.exit(0)
  // A signal may come twice, from the terminal and from what started us: the second is the same wish.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop())
  const signIn = createSignIn({ config: config.issuers, publicUrl: config.api.publicUrl, secrets })
  const rechecks = createRechecks({ db, log, signIn }).start()
  const { app, streams } = createApp({
    db,
    listener,
    log,
    metrics,
    settings: {
      corsOrigins: config.api.corsOrigins,
      rateLimitPerMinute: config.api.rateLimitPerMinute,
      doors: config.api.directDoors ? null : config.doors,
      directDoors: config.api.directDoors,
      desktopsOutside: config.desktops.outside && !config.api.directDoors,
      providerNetworks: config.providerNetworks,
      ...config.experiments,
      catalogues: config.catalogues.names,
      invitations: config.invitations,
      posix: config.posix.rule,
      development: config.environment === 'development',
      codecCapability: config.api.codecCapability,
      temporalUiOrigin: config.temporal.uiUrl === null ? null : new URL(config.temporal.uiUrl).origin,
    },
    digest: (text, keyId) => bodyDigest(keyring, text, keyId),
    openInstanceSecret: (key, sealed) => secrets.decrypt(instanceSecret(key), sealed).toString(),
    mintInstanceSecret: (key) => secrets.encrypt(instanceSecret(key), newInstanceSecret()),
    sealParameters: (id, text) => secrets.encrypt(sessionParameters(id), text),
    sealProviderSecrets: (id, text) => secrets.encrypt(providerSecrets(id), text),
    sealInvitationCode: (id, code) => secrets.encrypt(invitationCode(id), code),
    // Sealed by a worker, of an object of this form.
    openHandover: (id, sealed) =>
      JSON.parse(secrets.decrypt(handoverSecrets(id), sealed).toString()) as HandoverSecrets,
    hawk: {
      ...hawkPlaceOf(config.api.publicUrl),
      seal: (id, key) => secrets.encrypt(hawkKey(id), key),
      open: (id, sealed) => secrets.decrypt(hawkKey(id), sealed).toString(),
    },
    decodePayloads: (payloads) => decodeForDisplay(keyring, payloads),
    signIn,
    ...(userOffice === undefined ? {} : { userOffice }),
    posixSources: createPosixSources({ rule: config.posix.rule, directories: directoriesOf(config.posix), log }),
    isServing: () => serving,
  })
  const server = createServer({ app, streams, host: config.api.host, port: config.api.port })
  const { port } = await server.listen()
  log.info({ host: config.api.host, port }, 'the api serves')

  const { drainMs } = config.api
  stop = async () => {
    if (!serving) return
    serving = false
    setTimeout(() => process.exit(1), drainMs + hardLimitMs).unref()
    // What is asked for from here on is brought to Temporal by others.
    await Promise.all([server.close(drainMs), starter.stop(), rechecks.stop()])
    await listener.close()
    await Promise.allSettled([client.connection.close(), db.destroy()])
    process.exit(0)
  }
}

const directoriesOf = ({ ldap, csvFile }: Config<'posix'>['posix']) => ({
  ...(ldap === null ? {} : { ldap: createLdapDirectory(ldap) }),
  ...(csvFile === null ? {} : { csv: createCsvDirectory({ file: csvFile }) }),
})

main().catch((error: unknown) => {
  if (error instanceof ConfigInvalid) console.error(error.message)
  else console.error('The api could not start.', error)
  process.exit(1)
})
