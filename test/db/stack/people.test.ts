import { expect, test } from 'vitest'
import { connect } from '../../../db/connect.ts'
import { migrateToLatest } from '../../../db/migrate.ts'
import { findByHash } from '../../../db/bearers.ts'
import { createToken } from '../../../db/tokens.ts'
import { newId } from '../../../domain/ids.ts'
import { makePeople } from '../../../stack/people.ts'
import { createDatabase } from '../../setup/database.ts'

test('the tokens of a run end with it, however many others were made meanwhile, and those live on', async () => {
  const database = await createDatabase()
  const db = connect({ url: database.url, poolSize: 2 })
  try {
    await migrateToLatest(database.url)
    const kept = { postgresPassword: 'x', keys: 'x', providers: [] }
    const { user, admin, revoke } = await makePeople(database.url, kept, async () => {})
    const token = { accountId: user.accountId, client: 'api', name: 'mine', scopes: ['read'] as const }
    const expiresAt = new Date(Date.now() + 60_000)
    const mine = await db.transaction().execute(async (trx) => {
      let last = ''
      for (let i = 0; i < 201; i++) last = await createToken(trx, { ...token, id: newId('token'), expiresAt })
      return last
    })
    expect(await findByHash(db, user.token)).not.toBeNull()
    await revoke()
    expect([await findByHash(db, user.token), await findByHash(db, admin.token)]).toEqual([null, null])
    expect(await findByHash(db, mine)).not.toBeNull()
  } finally {
    await db.destroy()
    await database.drop()
  }
})
