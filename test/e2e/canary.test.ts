import { randomBytes, randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sessionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Service, Site } from '../setup/site.ts'
import { createFollower, templateId } from './portal.ts'

const canary = `canary-${randomBytes(12).toString('hex')}`
let site: Site
let api: Service
let worker: Service

beforeAll(async () => {
  const base = fakeConfiguration(4)
  const templates = base.templates.map(({ name, spec }) => ({
    name,
    spec: { ...spec, parameters: { password: { type: 'string', secret: true, env: 'PASSWORD' } as const } },
  }))
  site = await createSite({
    configuration: { ...base, templates },
    timings: quickTimings,
    variables: { CARREL_LOG_LEVEL: 'trace' },
  })
  api = await site.startApi()
  worker = await site.startWorker()
})
afterAll(async () => {
  await site?.close()
})

/** Everything that Temporal keeps of the session's workflow, as somebody without keys sees it. */
async function temporalSees(id: string): Promise<string> {
  const connection = await Connection.connect({ address: site.temporalAddress })
  try {
    const client = new Client({ connection, namespace: site.namespace })
    const seen: string[] = []
    for await (const execution of client.workflow.list()) seen.push(JSON.stringify(execution.raw))
    let runId: string | undefined
    do {
      const history = await client.workflow.getHandle(sessionWorkflowId(id as SessionId), runId).fetchHistory()
      const json = historyToJSON(history)
      seen.push(json, ...payloadsIn(json))
      runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? ''
    } while (runId !== '')
    return seen.join('\n')
  } finally {
    await connection.close()
  }
}

/** Base64 hides words: every payload once more, opened as far as base64 goes. */
const payloadsIn = (json: string): string[] =>
  [...json.matchAll(/"data": ?"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
    Buffer.from(data ?? '', 'base64').toString('latin1'),
  )

/** Every row of every table, as text. Bytes are shown as they are, too. */
async function databaseSees(): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(site.db)
  const texts = await Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`.execute(site.db)
      return rows.map(({ text }) => `${name} ${text}`)
    }),
  )
  return texts.flat().join('\n')
}

test('what was given in confidence reaches the instance and is to be seen nowhere else', async () => {
  const portal = clientOf(api.url, site.user.token)
  const admin = clientOf(api.url, site.admin.token)
  const body = { templateId: await templateId(portal), parameters: { password: canary } }
  const created = await portal('POST', '/v1/sessions', body, { 'idempotency-key': randomUUID(), prefer: 'wait=20' })
  expect(created.status).toBe(201)
  const id = String(created.body['id'])
  expect((await createFollower(portal).ready(id)).state).toBe('ready')
  const door = await portal('POST', `/v1/sessions/${id}/connections`, { door: 'web', mode: 'control' })
  const listings = await Promise.all(
    ['/v1/sessions', `/v1/sessions/${id}`, `/v1/sessions/${id}/events`, '/v1/events', '/v1/templates'].flatMap(
      (path) => [portal('GET', path), admin('GET', path)],
    ),
  )
  await portal('DELETE', `/v1/sessions/${id}`)
  expect((await createFollower(portal).end(id)).state).toBe('stopped')

  const places = {
    answers: JSON.stringify([created, door, ...listings].map((answer) => answer.body)),
    temporal: await temporalSees(id),
    database: await databaseSees(),
    logs: [...api.lines, ...worker.lines].join('\n'),
  }
  // Each place was really looked into: it tells of the session, or of its making.
  for (const [place, text] of Object.entries(places))
    expect(text, `${place} was looked into`).toContain(place === 'logs' ? 'createSession' : id)
  for (const [place, text] of Object.entries(places))
    expect(text.includes(canary), `${place} shows the secret`).toBe(false)
})
