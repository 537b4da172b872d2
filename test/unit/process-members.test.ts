import { expect, test } from 'vitest'
import { membersOf } from '../../ports/compute/process/members.ts'
import { parseStat, type Seen } from '../../ports/compute/process/processes.ts'

const mark = 'a1b2'
const seen = (pid: number, more: Partial<Seen> = {}): Seen => ({
  pid,
  parent: 1,
  session: pid,
  uid: 1_000,
  startTime: '100',
  environment: '',
  ...more,
})
const pids = (all: readonly Seen[]) => all.map((p) => p.pid)
const supervisor = { pid: 10, startTime: '100', bootId: 'b' }
const nobody = { mark, exclusiveUid: null, supervisor: null }

test('what carries the mark belongs, and all its descendants, whatever they carry', () => {
  const all = [
    seen(1),
    seen(10, { environment: `A=1\0CARREL_MARK=${mark}\0` }),
    seen(12, { parent: 11 }),
    seen(11, { parent: 10 }),
    seen(13),
  ]
  expect(pids(membersOf(all, nobody, 99))).toEqual([10, 12, 11])
})

test('a mark that only begins like it, or is a part of another variable’s value, is not it', () => {
  const all = [
    seen(10, { environment: `CARREL_MARK=${mark}c\0` }),
    seen(11, { environment: `CARREL_MARK=\0X=${mark}\0` }),
  ]
  expect(membersOf(all, nobody, 99)).toEqual([])
})

test('the instance’s own user’s processes belong, and no other user’s', () => {
  const all = [seen(10, { uid: 5 }), seen(11, { uid: 6 }), seen(12, { parent: 10, uid: 6 })]
  expect(pids(membersOf(all, { ...nobody, exclusiveUid: 5 }, 99))).toEqual([10, 12])
})

test('the supervisor’s session belongs while the supervisor lives; at another start time the pid is a stranger’s', () => {
  const all = [seen(10), seen(11, { session: 10 })]
  expect(pids(membersOf(all, { ...nobody, supervisor }, 99))).toEqual([10, 11])
  expect(membersOf([seen(10, { startTime: '101' }), seen(11, { session: 10 })], { ...nobody, supervisor }, 99)).toEqual(
    [],
  )
  expect(membersOf([seen(11, { session: 10 })], { ...nobody, supervisor }, 99)).toEqual([])
})

test('whoever looks is never one of them', () => {
  const all = [seen(10, { environment: `CARREL_MARK=${mark}\0` }), seen(99, { parent: 10 })]
  expect(pids(membersOf(all, nobody, 99))).toEqual([10])
})

test('a name with parentheses and spaces does not shift the fields; a zombie is gone', () => {
  const line = (state: string) =>
    `42 (evil) R 1 (x) ${state} 7 42 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 999 1`
  expect(parseStat(line('S'))).toEqual({ parent: 7, session: 40, startTime: '123456' })
  expect(parseStat(line('Z'))).toBeNull()
  expect(parseStat('')).toBeNull()
})
