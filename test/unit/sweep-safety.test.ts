import { expect, test } from 'vitest'
import { findDrift } from '../../domain/reconciliation.ts'
import type { Drift } from '../../domain/reconciliation.ts'
import { missing, proofLength, tell } from '../proof/length.ts'
import { leftBehind, rules, Sweeper } from '../proof/sweep/sweeper.ts'
import type { SweepRules } from '../proof/sweep/sweeper.ts'
import { World } from '../proof/sweep/world.ts'
import { pick, seeded } from '../setup/seeded.ts'

const {
  seed: firstSeed,
  runs,
  durationMs,
  named,
} = proofLength({ seed: 1, runs: 1_000, durationMs: 60_000 }, 1_000_000)

/** Lets everything race everything, as the seed has it; then all is left alone until it is quiet. Returns what went wrong. */
function runSchedule(seed: number, sweepRules: SweepRules = rules): string[] {
  const random = seeded(seed)
  const world = new World()
  const sweeper = new Sweeper(world, sweepRules)
  let dump = world.dump()
  const someone = () => pick(random, [...world.rows.keys(), 's0'])
  const doings: (() => void)[] = [
    () => world.create(),
    () => world.step(someone()),
    () => world.step(someone()),
    () => world.step(someone()),
    () => world.step(pick(random, [...world.workflows, 's0'])),
    () => world.flights.length > 0 && world.land(pick(random, world.flights)),
    () => world.stop(someone()),
    () => world.deliver(someone()),
    () => random() < 0.3 && world.terminate(someone()),
    () => sweeper.next(),
    () => sweeper.next(),
    () => sweeper.next(),
    () => void (world.clock += Math.floor(random() * 800)),
    () => random() < 0.2 && void (world.clock += Math.floor((random() - 0.5) * 10_000_000)),
    () => random() < 0.2 && void (dump = world.dump()),
    () => random() < 0.05 && world.restore(dump),
    () => sweeper.armed || sweeper.arm(),
  ]
  for (let n = 0; n < 150; n++) pick(random, doings)()
  // A list is not believed of what was made after it: a clock that was put back first comes to where it was.
  world.clock = Math.max(world.clock, ...[...world.rows.values()].map(({ madeAt }) => madeAt ?? 0))
  for (let round = 0; round < 12; round++) {
    for (const flight of [...world.flights]) world.land(flight)
    for (let n = 0; n < 8; n++) for (const id of [...world.workflows]) world.step(id)
    for (const id of world.rows.keys()) world.deliver(id)
    for (let n = 0; n < 60; n++) sweeper.next()
    if (!sweeper.armed) sweeper.arm()
    world.clock += 2_000
  }
  return [...world.breaches, ...leftBehind(world)]
}

test('creation, stop, restore, lost runs and clock jumps race the sweep: nothing alive is removed, every orphan goes', () => {
  const until = Date.now() + durationMs
  let schedules = 0
  for (; schedules < runs && (schedules < 1_000 || Date.now() < until); schedules++) {
    const seed = firstSeed + schedules
    expect({ seed, wrong: runSchedule(seed) }).toEqual({ seed, wrong: [] })
  }
  tell({
    cases: schedules,
    breaches: [],
    missed: named ? missing(schedules, runs, 'schedules') : null,
    notes: [`sweep safety: ${schedules} schedules from seed ${firstSeed}, 0 breaches`],
  })
}, 3_600_000)

const orphaned = (drift: Drift): Drift =>
  drift.kind === 'unknown_instance' ? { ...drift, kind: 'orphan_instance' } : drift

test.each<[string, SweepRules]>([
  ['takes what no row knows of for an orphan', { ...rules, findDrift: (survey) => findDrift(survey).map(orphaned) }],
  [
    'forgets orphans',
    { ...rules, findDrift: (survey) => findDrift(survey).filter((d) => d.kind !== 'orphan_instance') },
  ],
  [
    'never finds a lost run',
    { ...rules, findDrift: (survey) => findDrift(survey).filter((d) => d.kind !== 'session_without_workflow') },
  ],
  ['is never certain', { ...rules, isCertain: () => false }],
])('a sweep that %s is found out', (_, wrong) => {
  let seed = 0
  while (seed < 300 && runSchedule(seed, wrong).length === 0) seed++
  expect(seed).toBeLessThan(300)
})
