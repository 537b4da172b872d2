import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client, WorkflowFailedError } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createKeyring } from '../../../platform/keyring.ts'
import { connectTemporal } from '../../../platform/temporal/connection.ts'
import { createDataConverter } from '../../../platform/temporal/data-converter.ts'
import { installRuntime } from '../runtime.ts'

installRuntime()

const secret = 'hunter2-in-the-payload'
const namespace = inject('temporalNamespace')
const address = inject('temporalAddress')
const foreign: string[] = []
const keyring = createKeyring([{ id: 'k1', secret: new Uint8Array(32).fill(7) }])
const dataConverter = createDataConverter(keyring, (reason) => foreign.push(reason))
const taskQueue = `codec-${randomUUID()}`

let connection: Awaited<ReturnType<typeof connectTemporal>>
let native: NativeConnection
let ended: Promise<void>
let worker: Worker

beforeAll(async () => {
  connection = await connectTemporal({ address, namespace })
  native = await NativeConnection.connect({ address })
  worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    dataConverter,
    workflowsPath: fileURLToPath(new URL('./echo.ts', import.meta.url)),
  })
  ended = worker.run()
})

afterAll(async () => {
  worker.shutdown()
  await ended
  await native.close()
  await connection.close()
})

const client = () => new Client({ connection, namespace, dataConverter })
const plainClient = () => new Client({ connection, namespace })
const ask = (args: unknown[]) => ({
  taskQueue,
  workflowId: `codec/${randomUUID()}`,
  args,
  workflowRunTimeout: '30s' as const,
})

test('what goes in comes out, and the history holds nothing of it', async () => {
  const options = ask([{ text: secret, fail: false }])
  expect(await client().workflow.execute('echo', options)).toBe(secret)
  expect(await historyOf(options.workflowId)).not.toContain(secret)
})

test("a failure's message reaches the client, and the history holds nothing of it", async () => {
  const options = ask([{ text: secret, fail: true }])
  const failed: unknown = await client()
    .workflow.execute('echo', options)
    .catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(WorkflowFailedError)
  expect(failed instanceof WorkflowFailedError ? failed.cause?.message : '').toBe(secret)
  expect(await historyOf(options.workflowId)).not.toContain(secret)
})

test('a plain start reaches the workflow as a marker, and wedges nothing', async () => {
  const options = ask([{ anything: true }])
  const handle = await plainClient().workflow.start('mirror', options)
  expect(await client().workflow.getHandle(handle.workflowId).result()).toEqual({
    received: { 'carrel.foreign': true },
  })
  expect(foreign).toEqual(['plain'])
})

async function historyOf(workflowId: string): Promise<string> {
  const history = await client().workflow.getHandle(workflowId).fetchHistory()
  const text = historyToJSON(history)
  const payloads = text.match(/"data":\s*"[A-Za-z0-9+/=]+"/g) ?? []
  const decoded = payloads.map((one) => Buffer.from(one.slice(8, -1), 'base64').toString('latin1'))
  expect(payloads.length).toBeGreaterThan(0)
  return [text, ...decoded].join('\n')
}
