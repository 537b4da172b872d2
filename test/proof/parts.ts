import { kill } from './kill.ts'
import { outage } from './outages.ts'
import type { Part } from './part.ts'
import { vitestPart } from './vitest-part.ts'

/** The proof, in the order it runs: an entry for each part. One that is tests of two projects has two. */
export const parts: readonly Part[] = [
  vitestPart({
    name: 'faults',
    shows: 'whatever fails around any activity, the session ends in its time and nothing is left',
    project: 'temporal',
    files: ['test/temporal/fault-matrix.test.ts', 'test/temporal/fault-matrix-kills.test.ts'],
  }),
  vitestPart({
    name: 'faults',
    shows: 'whatever fails around a container, its session ends right and nothing is left',
    project: 'docker',
    files: ['test/docker/fault-matrix.test.ts'],
    onlyOn: 'docker',
    repeats: 2,
  }),
  vitestPart({
    name: 'bounds',
    shows: 'every state is left by its deadline, and no healthy session is ended after a downtime',
    project: 'temporal',
    files: ['test/temporal/bounded-states.test.ts', 'test/temporal/bounded-states-downtime.test.ts'],
    repeats: 5,
  }),
  vitestPart({
    name: 'sweep',
    shows: 'whatever races the sweep, nothing alive is removed, and every orphan goes',
    project: 'unit',
    files: ['test/unit/sweep-safety.test.ts'],
  }),
  vitestPart({
    name: 'sweep',
    shows: 'restored, copied and second installations on one daemon remove nothing unasked',
    project: 'docker',
    files: ['test/docker/sweep-safety.test.ts'],
    onlyOn: 'docker',
    repeats: 3,
  }),
  kill,
  outage,
  vitestPart({
    name: 'upgrade',
    shows: 'sessions live through a change of build and the way back',
    project: 'temporal',
    files: ['test/temporal/upgrade.test.ts'],
    repeats: 5,
  }),
  vitestPart({
    name: 'cut',
    shows: 'whatever ends a right closes, within 5 s, what is open by it',
    project: 'e2e',
    files: ['test/e2e/doors-cut.test.ts'],
  }),
]
