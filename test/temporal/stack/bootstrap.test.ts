import { randomUUID } from 'node:crypto'
import { Connection } from '@temporalio/client'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { connect, type Db } from '../../../db/connect.ts'
import { listProviders } from '../../../db/providers.ts'
import { firstAdmin } from '../../../db/tokens.ts'
import { bootstrap, type BootstrapPlan } from '../../../stack/bootstrap-steps.ts'
import { checkServer } from '../../../stack/namespace.ts'
import { searchAttributes } from '../../../stack/search-attributes.ts'
import { createDatabase } from '../../setup/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let db: Db
beforeEach(async () => {
  database = await createDatabase()
  db = connect({ url: database.url, poolSize: 4 })
})
afterEach(async () => {
  await db.destroy()
  await database.drop()
})

function plan(namespace: string): BootstrapPlan {
  return {
    databaseUrl: database.url,
    temporal: { address: inject('temporalAddress'), namespace },
    configuration: {
      providers: [{ id: 'fake', kind: 'fake', startLimit: 4, networks: [], settings: {} }],
      templates: [],
      quotaDefaults: { account: { sessions: 3 } },
    },
    retentionDays: 7,
  }
}

const quiet = () => undefined

test('a fresh installation is ready afterwards: schema, namespace, search attributes, providers', async () => {
  const namespace = `boot-${randomUUID()}`
  await bootstrap(plan(namespace), quiet)
  expect((await listProviders(db)).map(({ id }) => id)).toEqual(['fake'])
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace })
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 24 * 60 * 60)
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining([...searchAttributes]))
    // A query with them is accepted at once: no workflow can stall on one.
    const query = `SessionState = 'ready' AND ProviderId = 'p' AND ProjectId = 'q'`
    expect((await connection.workflowService.listWorkflowExecutions({ namespace, query })).executions).toEqual([])
  } finally {
    await connection.close()
  }
})

test('it may be repeated, also beside itself', async () => {
  const one = plan(`boot-${randomUUID()}`)
  await Promise.all([bootstrap(one, quiet), bootstrap(one, quiet)])
  const words: string[] = []
  await bootstrap(one, (word) => words.push(word))
  expect(words).toContain('the schema is current')
})

test('the first admin is made once, whoever asks and however often', async () => {
  await bootstrap(plan(`boot-${randomUUID()}`), quiet)
  const made = await Promise.all([1, 2, 3].map(() => db.transaction().execute(firstAdmin)))
  expect(made.filter((one) => one !== null)).toHaveLength(1)
})

test('a server that is too old is refused, and told by its version', async () => {
  const answering = (serverVersion: string) =>
    // Only this one call is made.
    ({ workflowService: { getSystemInfo: () => Promise.resolve({ serverVersion }) } }) as unknown as Connection
  await expect(checkServer(answering('1.28.4'))).rejects.toThrow('1.28.4')
  expect(await checkServer(answering('1.29.1'))).toBe('1.29.1')
  expect(await checkServer(answering('2.0.0'))).toBe('2.0.0')
})
