import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewSession } from '../../db/intents.ts'
import { together } from '../../db/together.ts'
import { recordWishes } from '../../db/wishes.ts'
import type { RecordableWish } from '../../db/wishes.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId, TemplateId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { untilBlocked } from '../setup/blocked.ts'

// Wishes of many callers are recorded in one statement. Each is recorded or not for its own sake alone.

let api: TestApi
let templateId: string

beforeAll(async () => {
  api = await startApi()
  templateId = await api.template()
})
afterAll(() => api.close())

const wishOf = (
  me: Person,
  { session, key }: { session?: Partial<NewSession>; key?: string } = {},
): RecordableWish => ({
  session: {
    id: newId('session'),
    ownerId: me.id,
    startedBy: me.id,
    client: 'test',
    projectId: me.projectId,
    templateId: templateId as TemplateId,
    templateVersion: 1,
    providerId: 'fake' as ProviderId,
    name: 'A "name" \\ of its own, ö',
    size: 'small',
    parameters: { threads: 3, note: '{"not": "a list"}', half: 0.5, on: true },
    secretParameters: Buffer.from([0, 1, 254, 255]),
    mounts: [{ source: { kind: 'dataset', id: 'd1' }, target: '/data', mode: 'ro' }],
    resources: { sessions: 1, cpuMilli: 1, memoryMib: 2, diskMib: 3, gpus: 4 },
    queueLimitSeconds: 5,
    startLimitSeconds: 6,
    lifetimeSeconds: 7,
    expiresAt: new Date('2040-01-02T03:04:05.678Z'),
    ...session,
  },
  intent: {
    accountId: me.id,
    client: 'test',
    operation: 'createSession',
    key: key ?? randomUUID(),
    bodyHmac: 'k:hmac',
    isSameBody: () => true,
  },
  deed: {
    accountId: me.id,
    client: 'test',
    onBehalfOf: null,
    action: 'createSession',
    requestId: 'request-1',
  },
})

const idsOf = (wishes: readonly RecordableWish[]) => wishes.map(({ session }) => session.id).sort()
const sessionRows = async (wishes: readonly RecordableWish[]) => {
  const rows = await api.db.selectFrom('session').selectAll().where('id', 'in', idsOf(wishes)).orderBy('id').execute()
  return { ids: rows.map(({ id }) => id), rows }
}
const others = async (
  table: 'session_event' | 'idempotency_key' | 'audit_event',
  column: string,
  ids: readonly string[],
) => {
  const { rows } = await sql<{ id: string }>`
    select ${sql.ref(column)} as id from ${sql.table(table)} where ${sql.ref(column)} = any(${ids}) order by 1`.execute(
    api.db,
  )
  return rows.map(({ id }) => id)
}

test('what stands in the way of one leaves out that one, and nobody waits for what is locked', async () => {
  const people = await Promise.all(Array.from({ length: 6 }, async () => await api.person()))
  const [one, two, disabled, closed, locked, repeating] = people as [Person, Person, Person, Person, Person, Person]
  await sql`update account set disabled_at = now() where id = ${disabled.id}`.execute(api.db)
  await sql`update project set closed_at = now() where id = ${closed.projectId}`.execute(api.db)
  const earlier = wishOf(repeating)
  expect(await recordWishes(api.db, [earlier])).toEqual([expect.any(Date)])
  const key = randomUUID()
  const wishes = [
    wishOf(one),
    wishOf(disabled),
    wishOf(two, { key }),
    wishOf(two, { key }),
    wishOf(closed),
    wishOf(locked),
    wishOf(repeating, { key: earlier.intent.key }),
    wishOf(one),
  ]
  const recorded = await api.db.transaction().execute(async (trx) => {
    await sql`update account set version = version + 1 where id = ${locked.id}`.execute(trx)
    return await recordWishes(api.db, wishes)
  })
  // Of two that hold one key at once, one.
  const [first, second] = recorded.slice(2, 4).map((at) => at !== null)
  expect(first).toBe(!second)
  expect(recorded.map((at) => at !== null)).toEqual([true, false, first, second, false, false, false, true])
  const expected = idsOf(wishes.filter((_, place) => recorded[place] !== null))
  const { ids, rows } = await sessionRows(wishes)
  expect(ids).toEqual(expected)
  const all = idsOf(wishes)
  for (const [table, column] of [
    ['session_event', 'session_id'],
    ['idempotency_key', 'resource_id'],
    ['audit_event', 'subject_id'],
  ] as const)
    expect(await others(table, column, all)).toEqual(expected)
  const { session } = wishes[0] as RecordableWish
  expect(rows.find(({ id }) => id === session.id)).toMatchObject({
    owner_id: one.id,
    name: session.name,
    parameters: session.parameters,
    secret_parameters: session.secretParameters,
    mounts: session.mounts,
    cpu_milli: 1,
    memory_mib: 2,
    disk_mib: 3,
    gpus: 4,
    expires_at: session.expiresAt,
    requested_at: recorded[0],
    event_seq: 1,
  })
})

test('what the server refuses of one is refused to that one alone', async () => {
  const me = await api.person()
  const record = together(
    { atOnce: 1, most: 10 },
    async (some: readonly RecordableWish[]) => await recordWishes(api.db, some),
  )
  const wishes = [wishOf(me), wishOf(me), wishOf(me, { session: { providerId: 'gone' as ProviderId } }), wishOf(me)]
  const outcomes = await Promise.allSettled(wishes.map(record))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  expect((await sessionRows(wishes)).ids).toEqual(idsOf(wishes.filter((_, place) => place !== 2)))
})

test('while the wish of one waits for its account, the wishes of others are answered', async () => {
  // change: update account ── (held) ────────────────────── commit
  // mine:         locked: nothing ── once more: waits ···········─ recorded
  // others:                             recorded
  const me = await api.person()
  const them = await Promise.all(Array.from({ length: 20 }, async () => await api.person()))
  const create = async ({ token }: Person) =>
    (await api.call('POST', '/v1/sessions', { token, body: { templateId }, headers: { prefer: 'respond-async' } }))
      .status
  const mine = await api.db.transaction().execute(async (trx) => {
    await sql`update account set version = version + 1 where id = ${me.id}`.execute(trx)
    const waiting = create(me)
    waiting.catch(() => {})
    await untilBlocked(api.db)
    expect(await Promise.all(them.map(create))).toEqual(them.map(() => 202))
    return [waiting] as const
  })
  expect(await mine[0]).toBe(202)
})
