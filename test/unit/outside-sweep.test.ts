import { expect, test } from 'vitest'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import { dueRemedies, strays } from '../../domain/outside-sweep.ts'
import type { OutsideBooks, OutsideThing, Stray } from '../../domain/outside-sweep.ts'

const [live, ended, gone] = ['s1live', 's1ended', 's1gone'] as SessionId[] as [SessionId, SessionId, SessionId]
const [ada, bob, nobody] = ['a1ada', 'a1bob', 'a1nobody'] as AccountId[] as [AccountId, AccountId, AccountId]
const books: OutsideBooks = {
  sessions: new Map([
    [live, { generation: 2, ended: false }],
    [ended, { generation: 1, ended: true }],
  ]),
  accounts: new Set([ada, bob]),
  uses: [{ sessionId: live, generation: 2, door: 'desk', accountId: ada }],
}
const connection = (sessionId: SessionId, generation: number): OutsideThing => ({
  kind: 'connection',
  sessionId,
  generation,
})
const tunnel = (sessionId: SessionId, accountId: AccountId | null, door = 'desk', generation = 2): OutsideThing => ({
  kind: 'tunnel',
  tunnel: { id: `t-${sessionId}`, sessionId, generation, door, accountId },
})

test.each<[string, OutsideThing, string | null]>([
  ['a connection of a session that lives', connection(live, 2), null],
  ['a connection of an earlier generation', connection(live, 1), 'connection closeDoors'],
  ['a connection of a session that has ended', connection(ended, 1), 'connection closeDoors'],
  ['a connection that no row knows of', connection(gone, 1), 'unknown nothing'],
  ['a tunnel of a use that stands', tunnel(live, ada), null],
  ['a tunnel by a key that was handed on, where the door is used', tunnel(live, null), null],
  ['such a tunnel at a door that nobody uses', tunnel(live, null, 'other'), 'tunnel kill'],
  ['a tunnel of somebody without a use', tunnel(live, bob), 'tunnel kill'],
  ['a tunnel of a session that has ended', tunnel(ended, ada, 'desk', 1), 'tunnel kill'],
  ['a tunnel of a session that no row knows of', tunnel(gone, ada), 'unknown nothing'],
  ['a user who has something open', { kind: 'user', accountId: ada }, null],
  ['a user who has not', { kind: 'user', accountId: bob }, 'user removeAccount'],
  ['a user whom no row knows of', { kind: 'user', accountId: nobody }, 'unknown nothing'],
  ['an orphan', { kind: 'orphan', id: 'o' }, 'orphan kill'],
])('%s', (_, thing, expected) => {
  const [found] = strays([thing], books)
  expect(found === undefined ? null : `${found.kind} ${found.remedy?.do ?? 'nothing'}`).toBe(expected)
})

const orphans = (n: number): Stray[] =>
  strays(
    Array.from({ length: n }, (_, i): OutsideThing => ({ kind: 'orphan', id: `o${i}` })),
    books,
  ).slice()
const always = (seen: number, sinceMs: number) => () => ({ seen, sinceMs })

test('only what was seen twice and has lasted is removed, a user after longer', () => {
  const limits = { graceMs: 1_000, listed: 1 }
  expect(dueRemedies(orphans(1), always(1, 5_000), limits)).toEqual([])
  expect(dueRemedies(orphans(1), always(2, 999), limits)).toEqual([])
  expect(dueRemedies(orphans(1), always(2, 1_000), limits)).toEqual([{ do: 'kill', id: 'o0' }])
  const user = strays([{ kind: 'user', accountId: bob }], books)
  expect(dueRemedies(user, always(9, 14_999), limits)).toEqual([])
  expect(dueRemedies(user, always(9, 15_000), limits)).toEqual([{ do: 'removeAccount', accountId: bob }])
})

test.each([
  [20, 20, 5],
  [20, 100, 20],
  [60, 100, 20],
  [3, 1_000, 3],
])('of %i strays among %i things one round removes %i, the oldest first', (n, listed, most) => {
  const found = orphans(n)
  const ages = new Map(found.map((stray, i) => [stray.subject, 1_000 + i]))
  const due = dueRemedies(found, ({ subject }) => ({ seen: 2, sinceMs: ages.get(subject) ?? 0 }), {
    graceMs: 1_000,
    listed,
  })
  expect(due).toHaveLength(most)
  expect(due[0]).toEqual({ do: 'kill', id: `o${n - 1}` })
})

test('what no row knows of is never removed, however long it stays', () => {
  const unknown = strays([connection(gone, 1), { kind: 'user', accountId: nobody }], books)
  expect(unknown).toHaveLength(2)
  expect(dueRemedies(unknown, always(99, 1e9), { graceMs: 0, listed: 2 })).toEqual([])
})
