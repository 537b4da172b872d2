// oxlint-disable max-lines -- every column that is sealed, and every way that its rotation goes
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { openBrowserSession } from '../../db/browser-sessions.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { createHawkKey } from '../../db/hawk-keys.ts'
import { beginInstance, readInstance, recordRemoved, tombstone } from '../../db/instances.ts'
import { countSealed, lockStale, replaceSealed, sealedColumns } from '../../db/sealed-rows.ts'
import type { SealedColumn, Stretch } from '../../db/sealed-rows.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { usualSessionLimits } from '../../domain/sign-in.ts'
import { createKeyring } from '../../platform/keyring.ts'
import {
  createSecrets,
  handoverSecrets,
  hawkKey,
  instanceSecret,
  invitationCode,
  issuerTokens,
  keyIdOf,
  providerSecrets,
  reportToken,
  sealMark,
  sessionParameters,
} from '../../platform/secrets.ts'
import { readKeyUse, rotationLines, unknownRows, useLines } from '../../stack/key-report.ts'
import { rotate } from '../../stack/key-rotation.ts'
import type { RotationOptions } from '../../stack/key-rotation.ts'
import { createAccessAccounts } from '../../worker/access-accounts.ts'
import { inTurns } from '../proof/in-turns.ts'
import { handOver } from '../setup/handover.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) })
const [k0, k1, k2] = [key('k0', 9), key('k1', 1), key('k2', 2)]
const lost = createSecrets(createKeyring([k0]))
const old = createSecrets(createKeyring([k1]))
const both = createSecrets(createKeyring([k2, k1]))
const fresh = createSecrets(createKeyring([k2]))
const fake = 'fake' as ProviderId

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())
beforeEach(async () => {
  await db.deleteFrom('idempotency_key').execute()
  await db.deleteFrom('instance').execute()
  await db.deleteFrom('outside_account').execute()
  await db.updateTable('session').set({ secret_parameters: null }).execute()
})

/** A session with both kinds of secrets, the words of which name the session. */
async function sealedSession(secrets = old): Promise<SessionKey> {
  const id = newId('session')
  const made = await rows.session(owner, {
    id,
    secretParameters: secrets.encrypt(sessionParameters(id), `given ${id}`),
  })
  await beginInstance(db, made, fake, secrets.encrypt(instanceSecret(made), `made ${id}`))
  return made
}

const sealedSessions = async (n: number, secrets = old) =>
  await inTurns(Array.from({ length: n }), 8, async () => await sealedSession(secrets))

const run = async (options: Partial<RotationOptions> = {}, say: (word: string) => void = () => {}, on = db) =>
  await rotate(
    { db: on, secrets: both, currentKeyId: 'k2', say },
    { batch: 100, dryRun: false, restMs: 10, ...options },
  )

async function parametersOf({ sessionId }: SessionKey): Promise<Buffer | null> {
  const row = db.selectFrom('session').select('secret_parameters').where('id', '=', sessionId)
  return (await row.executeTakeFirstOrThrow()).secret_parameters
}

async function open(made: SessionKey, secrets = fresh): Promise<readonly string[]> {
  const given = (await parametersOf(made)) ?? Buffer.alloc(0)
  const instance = (await readInstance(db, made))?.secret ?? Buffer.alloc(0)
  return [
    secrets.decrypt(sessionParameters(made.sessionId), given).toString(),
    secrets.decrypt(instanceSecret(made), instance).toString(),
  ]
}

const words = ({ sessionId }: SessionKey) => [`given ${sessionId}`, `made ${sessionId}`]

async function everything(): Promise<readonly unknown[]> {
  const sessions = await db.selectFrom('session').select(['id', 'secret_parameters']).orderBy('id').execute()
  return [sessions, await db.selectFrom('instance').selectAll().orderBy('session_id').execute()]
}

const keyIds = async (column: SealedColumn) =>
  (await countSealed(db, column)).map(({ mark, rows: count }) => [keyIdOf(mark), count])

describe('a rotation', () => {
  test('takes along what accounts are at a gateway outside, and leaves its meaning', async () => {
    const { accountId } = owner
    const before = createAccessAccounts(db, old)
    const password = await before.password(accountId)
    const token = { node: 'a', value: 'A'.repeat(64) }
    await before.swapToken(accountId, null, token)
    expect((await run()).rotated).toBe(2)
    const after = createAccessAccounts(db, fresh)
    expect(await after.password(accountId)).toBe(password)
    expect(await after.token(accountId)).toEqual(token)
    // A token that is none is left alone, and told apart by its hash as before.
    expect(await after.swapToken(accountId, token, null)).toBeNull()
    expect((await run()).rotated).toBe(0)
    expect(await keyIds('outside_account.token')).toEqual([])
  })

  test('of more than a thousand rows, while others change them: nothing is lost, and the new key opens all', async () => {
    const made = await sealedSessions(600)
    const ended = made.slice(0, 100)
    const replaced = made.slice(100, 200)
    const other = rows.another(4)
    const batches: string[] = []
    const removals = (async () => {
      for (const each of ended) {
        await tombstone(other, each, fake)
        await recordRemoved(other, each)
        await other.updateTable('session').set({ secret_parameters: null }).where('id', '=', each.sessionId).execute()
      }
    })()
    const changes = (async () => {
      for (const each of replaced) {
        const place = sessionParameters(each.sessionId)
        const secret_parameters = both.encrypt(place, `changed ${each.sessionId}`)
        await other.updateTable('session').set({ secret_parameters }).where('id', '=', each.sessionId).execute()
      }
    })()
    // Written by a process that was not restarted yet: the next run takes them along.
    const arrivals = sealedSessions(50)
    const [first] = await Promise.all([run({ batch: 20 }, (word) => batches.push(word)), removals, changes])
    expect(first.unreadable).toEqual([])
    expect(batches.length).toBeGreaterThan(20)
    const late = await arrivals
    const second = await run()
    expect(second).toMatchObject({ complete: true, unreadable: [] })

    for (const each of ended) {
      expect(await parametersOf(each)).toBeNull()
      expect((await readInstance(db, each))?.secret).toHaveLength(0)
    }
    for (const each of replaced)
      expect(await open(each)).toEqual([`changed ${each.sessionId}`, `made ${each.sessionId}`])
    for (const each of [...made.slice(200), ...late]) expect(await open(each)).toEqual(words(each))
    expect(await keyIds('session.secret_parameters')).toEqual([['k2', 550]])
    expect(await keyIds('instance.secret')).toEqual([['k2', 550]])
    expect(await run()).toEqual({ rotated: 0, unreadable: [], complete: true })
  })

  test('that is interrupted keeps what it did, and the next goes on from there', async () => {
    const made = await sealedSessions(60)
    const stop = new AbortController()
    const first = await run({ batch: 10, signal: stop.signal }, (word) => {
      if (word.includes(' 30 rows')) stop.abort()
    })
    expect(first).toEqual({ rotated: 30, unreadable: [], complete: false })
    expect(await keyIds('instance.secret')).toEqual([
      ['k1', 30],
      ['k2', 30],
    ])
    for (const each of made) expect(await open(each, both)).toEqual(words(each))
    expect(await run({ batch: 10 })).toEqual({ rotated: 90, unreadable: [], complete: true })
    for (const each of made) expect(await open(each)).toEqual(words(each))
  })

  test('on trial says the same and changes nothing', async () => {
    await sealedSessions(25)
    const before = await everything()
    expect(await run({ dryRun: true, batch: 10 })).toEqual({ rotated: 50, unreadable: [], complete: true })
    expect(await everything()).toEqual(before)
    expect(await run()).toMatchObject({ rotated: 50 })
  })

  test('names what no key opens, be its key gone or its bytes damaged, and leaves it', async () => {
    const good = await sealedSessions(5)
    const gone = await sealedSession(lost)
    const damaged = Buffer.concat([sealMark('k1'), Buffer.from('not what was sealed, nor as long as that')])
    const swapped = await rows.session(owner, { secretParameters: damaged })
    const odd = await rows.session(owner, { secretParameters: Buffer.from([7]) })
    const before = [await open(gone, lost), await parametersOf(swapped), await parametersOf(odd)]
    const done = await run({ batch: 2 })
    expect(done).toMatchObject({ rotated: 10, complete: true })
    expect(done.unreadable).toHaveLength(4)
    expect(done.unreadable).toEqual(
      expect.arrayContaining([
        { place: instanceSecret(gone), keyId: 'k0' },
        { place: sessionParameters(gone.sessionId), keyId: 'k0' },
        { place: sessionParameters(swapped.sessionId), keyId: 'k1' },
        { place: sessionParameters(odd.sessionId), keyId: '' },
      ]),
    )
    expect([await open(gone, lost), await parametersOf(swapped), await parametersOf(odd)]).toEqual(before)
    for (const each of good) expect(await open(each)).toEqual(words(each))
    const told = rotationLines(done, false).join('\n')
    expect(told).toContain(`instance.secret of ${gone.sessionId}/1: sealed with k0`)
    expect(told).toContain('4 rows cannot be opened')
    const use = await readKeyUse(db)
    expect(unknownRows(use, ['k2', 'k1']).map(({ column, keyId, rows: n }) => [column, keyId, n])).toEqual([
      ['instance.secret', 'k0', 1],
      ['session.secret_parameters', 'k0', 1],
      ['session.secret_parameters', '', 1],
    ])
    expect(useLines(use, ['k2', 'k1'])).toContain('instance.secret: 1 rows under k0 (NOT KNOWN)')
  })

  test('passes over what somebody holds, comes back to it, and what was written there meanwhile wins', async () => {
    const [held, free] = await Promise.all([sealedSession(), sealedSession()])
    const other = rows.another(1)
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>()
    const place = sessionParameters(held.sessionId)
    const holder = other.transaction().execute(async (trx) => {
      const secret_parameters = old.encrypt(place, 'theirs')
      await trx.updateTable('session').set({ secret_parameters }).where('id', '=', held.sessionId).execute()
      locked()
      await released
    })
    await isLocked
    const said: string[] = []
    const done = await run({ restMs: 50 }, (word) => {
      said.push(word)
      if (word.includes('in use elsewhere')) release()
    })
    await holder
    expect(said.some((word) => word.startsWith('session.secret_parameters: 1 rows are in use elsewhere'))).toBe(true)
    expect(done).toEqual({ rotated: 4, unreadable: [], complete: true })
    expect(await open(held)).toEqual(['theirs', `made ${held.sessionId}`])
    expect(await open(free)).toEqual(words(free))
  })

  test('says that it is not complete where a row is held for the whole time', async () => {
    const held = await sealedSession()
    await rows
      .another(1)
      .transaction()
      .execute(async (trx) => {
        await trx.selectFrom('session').select('id').where('id', '=', held.sessionId).forNoKeyUpdate().execute()
        expect(await run({ restMs: 1 })).toEqual({ rotated: 1, unreadable: [], complete: false })
      })
    expect(await run()).toEqual({ rotated: 1, unreadable: [], complete: true })
  })
})

describe('a batch that fails', () => {
  let hasty: Db
  beforeEach(() => {
    hasty = connect({ url: rows.url, poolSize: 1, statementTimeoutMs: 1_000 })
    return async () => await hasty.destroy()
  })
  /** Locks the whole table, which cannot be passed over, until `free` is called or the work is done. */
  const locking = async (work: (free: () => void) => Promise<void>) => {
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    let working = Promise.resolve()
    await rows
      .another(1)
      .transaction()
      .execute(async (trx) => {
        await sql`lock table instance in access exclusive mode`.execute(trx)
        working = work(free).finally(free)
        working.catch(() => {})
        await freed
      })
    await working
  }

  test('is tried again', async () => {
    const made = await sealedSession()
    const said: string[] = []
    await locking(async (free) => {
      const say = (word: string) => {
        said.push(word)
        free()
      }
      expect(await run({}, say, hasty)).toEqual({ rotated: 2, unreadable: [], complete: true })
    })
    expect(said[0]).toContain('a batch failed and is tried again')
    expect(await open(made)).toEqual(words(made))
  })

  test('is not tried for ever, and what could not be written is as it was', async () => {
    const made = await sealedSession()
    const said: string[] = []
    await locking(async () => {
      await expect(run({ retryMs: 1 }, (word) => said.push(word), hasty)).rejects.toThrow('statement timeout')
    })
    expect(said).toHaveLength(4)
    expect(await open(made, old)).toEqual(words(made))
  })
})

test('bytes are written only where the old ones stand', async () => {
  const made = await sealedSession()
  const stretch: Stretch = { mark: sealMark('k2'), after: null, limit: 10 }
  const outside = createAccessAccounts(db, old)
  await outside.swapToken(owner.accountId, null, { node: 'a', value: 'A'.repeat(64) })
  const settings = old.encrypt(providerSecrets(fake), 'open sesame')
  await db.updateTable('provider').set({ secrets: settings }).where('id', '=', fake).execute()
  const handed = await handOver({ db }, fake)
  const sealed = old.encrypt(handoverSecrets(handed.id), 'for its taker')
  await db.updateTable('handover').set({ sealed }).where('id', '=', handed.id).execute()
  const browser = newId('token')
  await db.transaction().execute((trx) =>
    openBrowserSession(trx, {
      id: browser,
      accountId: owner.accountId,
      issuer: 'https://issuer.example.org',
      subject: 'ada',
      limits: usualSessionLimits,
      tokens: old.encrypt(issuerTokens(browser), '{}'),
    }),
  )
  const signer = { id: newId('token'), accountId: owner.accountId, client: 'robot', name: 'A robot' }
  const hawk = { ...signer, scopes: [], expiresAt: new Date(Date.now() + 60_000) }
  await db.transaction().execute((trx) => createHawkKey(trx, hawk, old.encrypt(hawkKey(signer.id), 'a key')))
  const invitation = newId('invitation')
  await db
    .insertInto('invitation')
    .values({
      id: invitation,
      project_id: owner.projectId,
      inviter_id: owner.accountId,
      role: 'viewer',
      email: 'ada@site.example',
      language: 'en',
      delivery: 'mail',
      state: 'sending',
      code_hash: Buffer.from(invitation),
      code: old.encrypt(invitationCode(invitation), 'a code'),
      expires_at: new Date(Date.now() + 60_000),
    })
    .execute()
  const report_token = old.encrypt(reportToken(made), 'a token')
  await db.updateTable('instance').set({ report_token }).where('session_id', '=', made.sessionId).execute()
  for (const column of sealedColumns) {
    const written = await db.transaction().execute(async (trx) => {
      const [row] = await lockStale(trx, column, stretch)
      if (row === undefined) throw new Error('The row is not there.')
      const passed = { row: { ...row, sealed: Buffer.from('older') }, sealed: Buffer.from('new') }
      return await replaceSealed(trx, column, [passed])
    })
    expect(written).toBe(0)
  }
  expect(await open(made, old)).toEqual(words(made))
})
