import { expect, test } from 'vitest'
import { planLines, planRound } from '../proof/kill-plan.ts'
import type { Answer } from '../proof/kill-portal.ts'
import { answerBreaches, endBreaches, fateBreaches } from '../proof/kill-verdict.ts'
import type { Fate } from '../proof/kill-verdict.ts'
import { KillTally } from '../proof/kill-tally.ts'

const processes = ['postgres', 'temporal', 'api', 'worker1', 'worker2']
const plan = (seed: number, round: number) => planRound({ seed, round, processes, earlier: 3 })

test('a plan is made of its seed alone, and each process has its turn to be killed', () => {
  expect(plan(7, 2)).toEqual(plan(7, 2))
  expect(planLines(plan(7, 2))).not.toEqual(planLines(plan(8, 2)))
  const rounds = Array.from({ length: 20 }, (_, round) => plan(7, round))
  for (const process of processes) {
    const killed = rounds.filter(({ deeds }) => deeds.some((deed) => deed.do === 'kill' && deed.process === process))
    expect(killed.length).toBeGreaterThanOrEqual(4)
  }
  for (const { deeds, sessions } of rounds) {
    expect(deeds.filter((deed) => deed.do === 'create')).toHaveLength(sessions)
    expect(deeds.some((deed) => deed.do === 'kill')).toBe(true)
    expect(deeds.map(({ at }) => at)).toEqual(deeds.map(({ at }) => at).toSorted((a, b) => a - b))
  }
})

const away = [{ from: 1_000, to: 2_000 }]
const answer = (over: Partial<Answer>): Answer => ({
  asked: 'stop',
  session: '1.0',
  from: 50_000,
  to: 50_100,
  status: 202,
  lost: null,
  code: null,
  saysWhenAgain: false,
  body: {},
  ...over,
})
const breachesOf = (over: Partial<Answer>) => answerBreaches([answer(over)], away, away)

test('a door is closed to who is asked to stop meanwhile, and to nobody else', () => {
  const refused = { asked: 'connect', session: '1.4', status: 403, code: 'forbidden', from: 5_000, to: 6_000 } as const
  const told = (over: Partial<Answer>, stopAskedAt?: number) =>
    answerBreaches(
      [answer({ ...refused, ...over })],
      [],
      [],
      [stopAskedAt === undefined ? { name: '1.4' } : { name: '1.4', stopAskedAt }],
    )
  expect(told({}, 5_500)).toEqual([])
  expect(told({ status: 409, code: 'not_ready' }, 4_000)).toEqual([])
  expect(told({})).toEqual(['connect 1.4: 403 forbidden'])
  expect(told({}, 6_001)).toEqual(['connect 1.4: 403 forbidden'])
  expect(told({ session: '1.5' }, 5_500)).toEqual(['connect 1.5: 403 forbidden'])
  expect(told({ asked: 'read' }, 5_500)).toEqual(['read 1.4: 403 forbidden'])
})

test('an answer is a success, or is excused by who was away', () => {
  const during = { from: 1_500, to: 1_600 }
  const unavailable = { status: 503, code: 'unavailable', saysWhenAgain: true }
  for (const fine of [
    {},
    { status: 200 },
    { ...during, ...unavailable },
    { ...during, status: null, lost: 'ECONNREFUSED' },
  ])
    expect(breachesOf(fine)).toEqual([])
  const wrong: Partial<Answer>[] = [
    { status: 500, code: 'internal' },
    { ...during, status: 500, code: 'internal' },
    { status: 404, code: 'not_found' },
    unavailable,
    { ...during, status: 503, code: 'unavailable' },
    { ...during, status: 503, code: null, saysWhenAgain: true },
    { status: null, lost: 'ECONNRESET' },
    { ...during, status: null, lost: 'timeout' },
    { asked: 'create', status: 200 },
  ]
  for (const over of wrong) expect(breachesOf(over)).toHaveLength(1)
})

const fate = (over: Partial<Fate>): Fate => ({
  name: '1.0',
  ids: ['s1'],
  stopped: false,
  row: { state: 'ready', reason: null, detail: null, story: ['requested', 'provisioning', 'ready'] },
  seen: 'here',
  ...over,
})
const ended = (state: 'stopped' | 'failed', reason: 'user' | 'cancelled' | 'expired' | 'instance_lost') => ({
  row: { state, reason, detail: null, story: ['requested', 'stopping', state] },
  seen: null,
})

test('what was accepted is there, who was asked to stop has stopped, and nobody else has', () => {
  for (const fine of [
    {},
    { stopped: true, ...ended('stopped', 'user') },
    { stopped: true, ...ended('stopped', 'cancelled') },
  ])
    expect(fateBreaches([fate(fine)])).toEqual([])
  const wrong: Partial<Fate>[] = [
    { ids: [] },
    { ids: ['s1', 's2'] },
    { row: null },
    { stopped: true },
    { stopped: true, ...ended('failed', 'instance_lost') },
    { stopped: true, ...ended('stopped', 'expired') },
    ended('stopped', 'user'),
    ended('failed', 'instance_lost'),
    { seen: 'it does not answer: ECONNREFUSED' },
  ]
  for (const over of wrong) expect(fateBreaches([fate(over)])).toHaveLength(1)
})

test('the api never leaves by itself, and no process by an error that nobody caught', () => {
  expect(endBreaches('worker1', ['The worker could not start.'])).toEqual([])
  expect(endBreaches('worker1', ['… Node.js v24.1.0'])).toHaveLength(1)
  expect(endBreaches('api', ['exit 0'])).toHaveLength(1)
})

test('a proof that ends before its last round says of how many it was', () => {
  const textOf = (rounds: number) => new KillTally(rounds, 7, () => {}).text()
  expect(textOf(100)).toMatch(/^0 of 100 rounds, /)
  expect(textOf(0)).toMatch(/^0 rounds, /)
})
