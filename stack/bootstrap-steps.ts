import { applyConfiguration, type Configuration } from '../db/bootstrap.ts'
import { connect } from '../db/connect.ts'
import { migrateToLatest } from '../db/migrate.ts'
import { connectTemporal, type TemporalPlace } from '../platform/temporal/connection.ts'
import { checkServer, ensureNamespace } from './namespace.ts'
import { registerSearchAttributes } from './search-attributes.ts'

export interface BootstrapPlan {
  readonly databaseUrl: string
  readonly temporal: TemporalPlace
  readonly configuration: Configuration
  /** How long Temporal keeps the history of a session that ended. */
  readonly retentionDays: number
}

/**
 * Makes an installation ready for its processes: schema, namespace, search attributes, and what configuration names.
 * Every step may be repeated, also beside itself. The observers of the providers are started by the workers.
 */
export async function bootstrap(plan: BootstrapPlan, say: (word: string) => void): Promise<void> {
  const applied = await migrateToLatest(plan.databaseUrl)
  say(applied.length === 0 ? 'the schema is current' : `migrated: ${applied.join(', ')}`)
  await prepareTemporal(plan, say)
  const db = connect({ url: plan.databaseUrl, poolSize: 2, name: 'carrel-bootstrap' })
  try {
    await applyConfiguration(db, plan.configuration)
  } finally {
    await db.destroy()
  }
  const { providers, templates } = plan.configuration
  say(`providers: ${namesOf(providers.map(({ id }) => id))}; templates: ${namesOf(templates.map(({ name }) => name))}`)
}

async function prepareTemporal(plan: BootstrapPlan, say: (word: string) => void): Promise<void> {
  const connection = await connectTemporal(plan.temporal)
  try {
    say(`Temporal's server is ${await checkServer(connection)}`)
    await ensureNamespace(connection, plan.temporal.namespace, plan.retentionDays)
    await registerSearchAttributes(connection, plan.temporal.namespace)
    say('namespace and search attributes are there')
  } finally {
    await connection.close()
  }
}

const namesOf = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))
