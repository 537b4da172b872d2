import { parseArgs } from 'node:util'
import { connect } from '../db/connect.ts'
import { firstAdmin } from '../db/tokens.ts'
import { ConfigInvalid, readConfig } from '../platform/config.ts'
import { bootstrap } from './bootstrap-steps.ts'
import { checkConfiguration } from './check-configuration.ts'
import { createProgress } from './progress.ts'

const help = `npm run bootstrap

Makes an installation ready: migrates the database, checks Temporal's server, makes the namespace, registers
the search attributes, and writes providers, templates and quota defaults from configuration. Run it before
api and worker start, and after every change of version or configuration; it may be repeated at any time.
The first time it prints the first admin's token, once.

  CARREL_DATABASE_URL       postgres://user:password@host:port/database
  CARREL_TEMPORAL_ADDRESS   host:port
  CARREL_TEMPORAL_NAMESPACE default: carrel
  CARREL_PROVIDERS          JSON: [{id, kind, startLimit, networks, classes, settings}], or CARREL_PROVIDERS_FILE
  CARREL_TEMPLATES_FILE     JSON: [{name, spec}]
  CARREL_QUOTA_DEFAULTS     JSON: {account, project, provider: {sessions, cpuMilli, memoryMib, diskMib, gpus}}
  CARREL_STORAGE_SOURCES_FILE
                            JSON: [{kind, id, projectId?, providerId, hostPath or volume, modes}]
  CARREL_DATA_ROOTS_FILE    JSON: [{path, providerId, hostPath or volume}]

Exit code 0: ready. 1: something failed, and the last line says what.
`

const retentionDays = 30

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } })
  if (values.help === true) return void process.stdout.write(help)
  const config = readConfig(['database', 'temporal', 'providers', 'seed'])
  const progress = createProgress({ output: process.stderr, live: false })
  for (const key of config.unknownKeys) progress.print(`${key} is not a variable of Carrel's: misspelt?`)
  const { faults, templates } = checkConfiguration(config)
  if (faults.length > 0) throw new ConfigInvalid(faults)
  const { quotaDefaults, storageSources, dataRoots } = config.seed
  const configuration = {
    providers: config.providers,
    templates,
    quotaDefaults: quotaDefaults as never,
    storageSources,
    dataRoots,
  }
  await progress.step('bootstrap', (say) =>
    bootstrap({ databaseUrl: config.database.url, temporal: config.temporal, configuration, retentionDays }, say),
  )
  await printFirstAdmin(config.database.url)
}

async function printFirstAdmin(url: string): Promise<void> {
  const db = connect({ url, poolSize: 1, name: 'carrel-bootstrap' })
  try {
    await db.transaction().execute(async (trx) => {
      const first = await firstAdmin(trx)
      if (first === null) return
      // Before it is committed: interrupted between the two, it would be lost for good; so another one is printed next time.
      console.error(
        `The first admin is ${first.accountId}. Its token, shown this once, holds until ${first.expiresAt.toISOString()}:`,
      )
      console.log(first.token)
    })
  } finally {
    await db.destroy()
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigInvalid ? error.message : error)
  process.exitCode = 1
})
