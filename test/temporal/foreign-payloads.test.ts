import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { coreQueue, newId, sessionWorkflowId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { lookAgain, workflowNames } from '../../workflows/session.messages.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
let plainConnection: Connection
/** Somebody with access to Temporal, and without Carrel's keys. */
let stranger: Client

beforeAll(async () => {
  stage = await createStage({ provider: createFakeProvider({ endpoint: 'serve' }) })
  worker = await stage.startWorkers()
  plainConnection = await Connection.connect({ address: inject('temporalAddress') })
  stranger = new Client({ connection: plainConnection, namespace: stage.namespace })
})
afterAll(async () => {
  await plainConnection?.close()
  await worker?.stop()
  await stage?.close()
})

async function failureOf(workflowId: string): Promise<string> {
  const handle = stage.client.workflow.getHandle(workflowId)
  await eventually('the run fails', async () => (await handle.describe()).status.name === 'FAILED')
  const { events } = await handle.fetchHistory()
  return JSON.stringify(events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure)
}

test('a plain start fails at once, instead of stalling for ever', async () => {
  const workflowId = `session/${newId('session')}`
  const run = { sessionId: 'sfoo', timings: stage.timings, undo: [] }
  await stranger.workflow.start(workflowNames.session, { workflowId, taskQueue: coreQueue, args: [run] })
  expect(await failureOf(workflowId)).toContain('foreign_payload')
  expect(stage.foreign).toContain('plain')
})

test('a start without arguments fails at once', async () => {
  for (const name of Object.values(workflowNames)) {
    const workflowId = `${name}/${newId('session')}`
    await stranger.workflow.start(name, { workflowId, taskQueue: coreQueue, args: [] })
    expect(await failureOf(workflowId)).toContain('foreign_payload')
  }
})

test('a plain signal to a live session is dropped, and the session still obeys', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  const handle = stranger.workflow.getHandle(sessionWorkflowId(id))
  await handle.signal(lookAgain, { reason: 'plain' })
  await handle.signal('unheardOf', 'plain')
  const seen = stage.foreign.length
  await eventually('the worker met the foreign payload', () => stage.foreign.length > seen - 1)
  expect((await stateOf(db, id)).state).toBe('ready')
  await stop(db, id)
  await until(db, id, ['stopped'])
})

test('what is written to Temporal cannot be read without the keys', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  await until(db, id, ['ready'])
  const { events } = await stranger.workflow.getHandle(sessionWorkflowId(id)).fetchHistory()
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]
  expect(Buffer.from(input?.metadata?.['encoding'] ?? []).toString()).toBe('binary/carrel-aes-256-gcm')
  expect(Buffer.from(input?.data ?? []).toString()).not.toContain(id)
  await stop(db, id)
  await until(db, id, ['stopped'])
})
