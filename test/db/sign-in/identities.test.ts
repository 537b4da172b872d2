import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listIdentities, linkIdentity, unlinkIdentity } from '../../../db/identities.ts'
import { lockIdentity, noteClaims } from '../../../db/identity-claims.ts'
import type { IdentityClaims } from '../../../domain/sign-in.ts'
import { startApi } from '../../setup/api.ts'
import type { TestApi } from '../../setup/api.ts'
import { untilBlocked } from '../../setup/blocked.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.close())

const claimsOf = (subject: string, more: Partial<IdentityClaims> = {}): IdentityClaims => ({
  issuer: 'https://login.example.org',
  subject,
  displayName: 'Ada',
  email: null,
  emailVerified: false,
  organisation: null,
  groups: [],
  officeLogin: null,
  posix: null,
  ...more,
})

describe('beside somebody who signs in with the same identity', () => {
  test('one that is taken away stays taken away', async () => {
    // sign-in: lock identity ─────────────── note ── commit
    // unlink:    lock identity (waits) ················ delete
    const { id } = await api.person()
    const claims = claimsOf('unlinked')
    await api.db.transaction().execute(async (trx) => await linkIdentity(trx, id, claims))
    const unlinking = await api.db.transaction().execute(async (trx) => {
      await lockIdentity(trx, claims)
      const waiting = api.db.transaction().execute(async (other) => await unlinkIdentity(other, id, claims))
      waiting.catch(() => {})
      await untilBlocked(api.db)
      await noteClaims(trx, id, claims)
      return { waiting }
    })
    expect(await unlinking.waiting).toBe('unlinked')
    expect(await listIdentities(api.db, id)).toEqual([])
  })

  test('who gives it to an account holds the account only then', async () => {
    // sign-in: lock identity ───────────────── lock account ── commit
    // link:      lock identity (waits) ····················· lock account
    const { id } = await api.person()
    const claims = claimsOf('linked')
    const linking = await api.db.transaction().execute(async (trx) => {
      await lockIdentity(trx, claims)
      const waiting = api.db.transaction().execute(async (other) => await linkIdentity(other, id, claims))
      waiting.catch(() => {})
      await untilBlocked(api.db)
      await trx.selectFrom('account').select('id').where('id', '=', id).forUpdate().noWait().execute()
      return { waiting }
    })
    expect(await linking.waiting).toBe('linked')
  })
})

test('what an issuer says is kept as it says it, but for what the database takes no part of', async () => {
  const { id } = await api.person()
  const posix = { 'na\0me': ['C:\\d800', 'a\0b', { deep: '\ud800x\\u0000' }], uid: 7, none: null }
  const claims = claimsOf('worded', {
    officeLogin: 'ada',
    groups: ['CORP\\udev-users', 'CORP\\u0000', 'half\udfff'],
    posix,
  })
  await api.db.transaction().execute(async (trx) => await noteClaims(trx, id, claims))
  const row = await api.db
    .selectFrom('identity')
    .select('claims')
    .where('subject', '=', 'worded')
    .executeTakeFirstOrThrow()
  expect(row.claims).toEqual({
    login: 'ada',
    groups: ['CORP\\udev-users', 'CORP\\u0000', 'half\ufffd'],
    posix: { name: ['C:\\d800', 'ab', { deep: '\ufffdx\\u0000' }], uid: 7, none: null },
  })
})
