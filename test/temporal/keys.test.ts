import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { Client } from '@temporalio/client'
import { expect, inject, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets, sessionParameters } from '../../platform/secrets.ts'
import { connectTemporal } from '../../platform/temporal/connection.ts'
import { readHistories } from '../../stack/key-histories.ts'
import { createRows } from '../setup/rows.ts'

const place = { address: inject('temporalAddress'), namespace: inject('temporalNamespace') }

test('runs that began before a moment are counted, while they run and after', async () => {
  // No other test starts workflows in this namespace.
  const own = { ...place, namespace: 'default' }
  const connection = await connectTemporal(own)
  try {
    const client = new Client({ connection, namespace: own.namespace })
    // Nobody works on this queue: it runs until it is terminated.
    const handle = await client.workflow.start('idle', { workflowId: randomUUID(), taskQueue: randomUUID() })
    const { startTime } = await handle.describe()
    const counted = async (afterMs: number) => {
      const { running, closed } = await readHistories(own, new Date(startTime.getTime() + afterMs))
      return [running, closed]
    }
    await expect.poll(() => counted(1), { timeout: 20_000 }).toEqual([1, 0])
    expect(await counted(-1_000)).toEqual([0, 0])
    await handle.terminate('seen')
    await expect.poll(() => counted(1), { timeout: 20_000 }).toEqual([0, 1])
    expect((await readHistories(own, startTime)).retentionDays).toBeGreaterThan(0)
  } finally {
    await connection.close()
  }
})

test('the command tells, rotates and tells again; an unknown key is a failure', { timeout: 90_000 }, async () => {
  const rows = await createRows()
  try {
    const [k1, k2] = [newKey('k1'), newKey('k2')]
    const id = newId('session')
    const sealed = createSecrets(createKeyring([k1.key])).encrypt(sessionParameters(id), 'given')
    await rows.session(await rows.account(), { id, secretParameters: sealed })
    const call = (keys: string, ...words: readonly string[]) =>
      keysCommand(words, {
        CARREL_KEYS: keys,
        CARREL_DATABASE_URL: rows.url,
        CARREL_TEMPORAL_ADDRESS: place.address,
        CARREL_TEMPORAL_NAMESPACE: place.namespace,
      })
    const both = `${k2.text},${k1.text}`

    const first = await call(both, 'status')
    expect(first).toMatchObject({ code: 0, errors: '' })
    expect(first.output).toContain('session.secret_parameters: 1 rows under k1 (older)')
    expect(first.output).toContain('sealed rows: not yet; 1 rows')
    expect(first.output).toMatch(/Temporal: (now|\d+ running and \d+ ended runs)/)
    expect(await call(k2.text, 'rotate')).toMatchObject({
      code: 1,
      output: expect.stringContaining(`session.secret_parameters of ${id}: sealed with k1`) as string,
    })
    const rotated = await call(both, 'rotate')
    expect(rotated).toMatchObject({ code: 0, errors: '' })
    expect(rotated.output).toContain('1 rows were encrypted')
    expect(rotated.output).toContain('sealed rows: now')
    expect(await call(k2.text, 'status')).toMatchObject({ code: 0 })
    expect(await call(both, 'burn')).toMatchObject({ code: 2, errors: expect.stringContaining('--help') as string })
    expect(await call(both, '--help')).toMatchObject({ code: 0, output: expect.stringContaining('rotate') as string })
  } finally {
    await rows.close()
  }
})

function newKey(id: string) {
  const secret = randomBytes(32)
  return { key: { id, secret: new Uint8Array(secret) }, text: `${id}:${secret.toString('base64')}` }
}

interface Ended {
  readonly code: number
  readonly output: string
  readonly errors: string
}

function keysCommand(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ended> {
  const options = {
    env: { PATH: process.env['PATH'], ...environment },
    timeout: 30_000,
    killSignal: 'SIGKILL' as const,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, ['stack/keys.ts', ...words], options, (error, output, errors) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, output, errors })
    })
  })
}
