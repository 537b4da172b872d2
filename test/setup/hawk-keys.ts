import { createHawkKey } from '../../db/hawk-keys.ts'
import type { Db } from '../../db/connect.ts'
import { newId } from '../../domain/ids.ts'
import type { TokenId } from '../../domain/ids.ts'
import type { Person } from './api.ts'

/** A key of somebody's, with which nothing was signed. */
export async function aHawkKey(db: Db, { id: accountId }: Pick<Person, 'id'>): Promise<TokenId> {
  const id = newId('token')
  const expiresAt = new Date(Date.now() + 3_600_000)
  const key = { id, accountId, client: 'robot', name: 'A robot', scopes: ['read' as const], expiresAt }
  await db.transaction().execute((trx) => createHawkKey(trx, key, Buffer.from('sealed')))
  return id
}
