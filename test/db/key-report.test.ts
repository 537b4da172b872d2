import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets, sessionParameters } from '../../platform/secrets.ts'
import { partingLines, readKeyUse } from '../../stack/key-report.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
beforeAll(async () => {
  rows = await createRows()
})
afterAll(async () => await rows.close())

const sealedWith = (keyId: string, id: SessionId) =>
  createSecrets(createKeyring([{ id: keyId, secret: new Uint8Array(32) }])).encrypt(sessionParameters(id), 'given')

test('when an older key may go: rows, idempotency keys and histories each have their own time', async () => {
  const id = newId('session')
  const owner = await rows.account()
  await rows.session(owner, { id, secretParameters: sealedWith('k1', id) })
  const createdAt = new Date('2026-11-22T04:00:00.000Z')
  await rows.db
    .insertInto('idempotency_key')
    .values({
      account_id: owner.accountId,
      client: 'api',
      operation: 'createSession',
      key: 'k',
      body_hmac: 'k1:digest',
      resource_id: newId('session'),
      created_at: createdAt,
    })
    .execute()
  const ids = ['k2', 'k1']
  const before = new Date('2026-11-22T05:00:00.000Z')
  const histories = { before, running: 3, closed: 4, retentionDays: 30 }
  const early = partingLines(await readKeyUse(rows.db), ids, histories).join('\n')
  expect(early).toContain('sealed rows: not yet; 1 rows')
  expect(early).toContain('idempotency keys: 2026-11-23T04:00:00.000Z')
  expect(early).toContain('3 running and 4 ended runs began before 2026-11-22T05:00:00.000Z')
  expect(early).toContain('30 days of retention')
  expect(partingLines(await readKeyUse(rows.db), ids, null).join('\n')).toContain('could not be asked')

  await rows.db
    .updateTable('session')
    .set({ secret_parameters: sealedWith('k2', id) })
    .execute()
  await rows.db.deleteFrom('idempotency_key').execute()
  const late = partingLines(await readKeyUse(rows.db), ids, { ...histories, running: 0, closed: 0 })
  expect(late.slice(1).every((line) => line.includes(': now'))).toBe(true)
  expect(partingLines(await readKeyUse(rows.db), ['k2'], null)).toEqual([])
})
