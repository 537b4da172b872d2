import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRechecks } from '../../../api/sign-in/rechecks.ts'
import { findByHash } from '../../../db/bearers.ts'
import { listIdentities, linkIdentity, unlinkIdentity } from '../../../db/identities.ts'
import { issuerTokensOf, openBrowserSession, revokeBrowserSessions } from '../../../db/browser-sessions.ts'
import { lockIdentity, noteClaims } from '../../../db/identity-claims.ts'
import { claimDue, prolong } from '../../../db/rechecks.ts'
import { usualSessionLimits } from '../../../domain/sign-in.ts'
import { newId } from '../../../domain/ids.ts'
import type { AccountId } from '../../../domain/ids.ts'
import type { IdentityClaims } from '../../../domain/sign-in.ts'
import { startApi } from '../../setup/api.ts'
import type { TestApi } from '../../setup/api.ts'
import { holding, untilBlocked } from '../../setup/blocked.ts'
import { issuerOf, signInOf } from '../../setup/sign-in.ts'

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

test('a re-check locks the identity before the browser session, as whoever signs in with both', async () => {
  // sign-in:  note ──────────────────── end the session ── commit
  // re-check:       lock identity (waits) ················· prolong
  const { id: accountId } = await api.person()
  const claims = claimsOf('checked')
  const { issuer, subject } = claims
  const session = await api.db.transaction().execute(async (trx) => {
    await noteClaims(trx, accountId, claims)
    return await openBrowserSession(trx, { accountId, issuer, subject, limits: usualSessionLimits, rechecked: true })
  })
  const { id } = session
  const prolonged = async () =>
    await api.db.transaction().execute(async (trx) => await prolong(trx, id, Buffer.from('tokens')))
  const { waiting } = await api.db.transaction().execute(async (trx) => {
    await noteClaims(trx, accountId, claims)
    const other = prolonged()
    other.catch(() => {})
    await untilBlocked(api.db)
    expect(await revokeBrowserSessions(trx, { id })).toEqual([id])
    return { waiting: other }
  })
  await expect(waiting).resolves.toBeUndefined()
  expect(await issuerTokensOf(api.db, id)).toEqual({ issuer, tokens: Buffer.alloc(0) })
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

test('who uses a browser is asked about before those whose programs alone go on', async () => {
  const opened = async (name: string) => {
    const { id: accountId } = await api.person()
    const { issuer, subject } = claimsOf(name)
    const tokens = Buffer.from('tokens')
    const session = { accountId, issuer, subject, limits: usualSessionLimits, rechecked: true, tokens }
    const { id } = await api.db.transaction().execute(async (trx) => await openBrowserSession(trx, session))
    return id
  }
  const absent = [await opened('absent one'), await opened('absent two')]
  const present = await opened('present')
  await sql`update browser_session set check_at = 'epoch' where token_id = any(${absent})`.execute(api.db)
  await sql`update token set expires_at = 'epoch' where id = any(${absent})`.execute(api.db)
  await sql`update browser_session set check_at = now() where token_id = ${present}`.execute(api.db)
  const claimed = async () => (await claimDue(api.db, { issuer: claimsOf('').issuer }, 1)).map(({ id }) => id)
  expect(await claimed()).toEqual([present])
  expect([...(await claimed()), ...(await claimed())].toSorted()).toEqual(absent.toSorted())
  expect(await claimed()).toEqual([])
})

test('nobody waits for an issuer that does not answer', async () => {
  const [quick, hung] = ['https://quick.example.org', 'https://hung.example.org']
  const gate = { groups: { claim: 'groups' }, allowedGroups: ['beamline'] }
  const signIn = signInOf([issuerOf('quick', quick, gate), issuerOf('hung', hung, gate)])
  const asked: string[] = []
  const release = Promise.withResolvers<undefined>()
  const issuers = signIn.issuers.map((one) => {
    const recheck = async (_tokens: string, subject: string) => {
      asked.push(subject)
      if (one.provider.issuer === hung) await release.promise
      return { kind: 'unavailable', detail: 'it does not answer' } as const
    }
    return { ...one, provider: { ...one.provider, recheck } }
  })
  const opened = async (issuer: string, subject: string) => {
    const { id: accountId } = await api.person()
    const id = newId('token')
    const tokens = signIn.sealTokens(id, '{}')
    const session = { id, accountId, issuer, subject, limits: usualSessionLimits, rechecked: true, tokens }
    await api.db.transaction().execute(async (trx) => await openBrowserSession(trx, session))
    await sql`update browser_session set check_at = now() where token_id = ${id}`.execute(api.db)
  }
  for (let n = 0; n < 6; n++) await opened(hung, `waits ${n}`)
  await opened(quick, 'does not wait')
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const running = createRechecks({ db: api.db, log: quiet, signIn: { ...signIn, issuers } }).start()
  try {
    await expect.poll(() => asked, { timeout: 10_000 }).toContain('does not wait')
    expect(asked.length).toBeLessThan(7)
  } finally {
    release.resolve(undefined)
    await running.stop()
  }
})

describe('with the last identity', () => {
  const withTwo = async (person: { readonly id: AccountId }, name: string) => {
    const [one, other] = [claimsOf(`${name} first`), claimsOf(`${name} second`)]
    await api.db.transaction().execute(async (trx) => {
      await linkIdentity(trx, person.id, one)
      await linkIdentity(trx, person.id, other)
    })
    const unlink = async (claims: IdentityClaims) =>
      await api.db.transaction().execute(async (trx) => await unlinkIdentity(trx, person.id, claims))
    return { one, other, unlink }
  }

  test('ends all that speaks for the account: it is no machine', async () => {
    const person = await api.person()
    const { one, other, unlink } = await withTwo(person, 'person')
    expect(await unlink(one)).toBe('unlinked')
    expect(await findByHash(api.db, person.token)).not.toBeNull()
    expect(await unlink(other)).toBe('unlinked')
    expect(await findByHash(api.db, person.token)).toBeNull()
  })

  test('two that are taken away at once are the last together', async () => {
    const person = await api.person()
    const { one, other, unlink } = await withTwo(person, 'both')
    await holding(
      api.db,
      async (trx) => await unlinkIdentity(trx, person.id, one),
      async () => await unlink(other),
    )
    expect(await listIdentities(api.db, person.id)).toEqual([])
    expect(await findByHash(api.db, person.token)).toBeNull()
  })

  test('the last admin stays', async () => {
    const admin = await api.person({ roles: ['admin'] })
    const { one, other, unlink } = await withTwo(admin, 'admin')
    await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '<>', admin.id).execute()
    expect(await unlink(claimsOf('nobodys'))).toBe('absent')
    expect(await unlink(one)).toBe('unlinked')
    expect(await unlink(other)).toBe('last_admin')
    expect((await listIdentities(api.db, admin.id)).map(({ subject }) => subject)).toEqual([other.subject])
  })
})
