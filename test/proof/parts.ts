import { kill } from './kill.ts'
import { outage } from './outages.ts'
import type { Part } from './part.ts'
import type { ProofTarget } from './target.ts'
import { vitestPart } from './vitest-part.ts'

const memory = { brought: 'a provider in memory' }
const inMemory = ({ provider }: ProofTarget): string | null =>
  provider.kind === 'fake' ? 'a provider in memory has been tried already' : null

/** The proof, in the order it runs: an entry for each part. One that is tests of several projects has several. */
export const parts: readonly Part[] = [
  vitestPart({
    name: 'faults',
    shows: 'whatever fails around any activity, the session ends in its time and nothing is left',
    project: 'temporal',
    files: ['test/temporal/fault-matrix.test.ts', 'test/temporal/fault-matrix-kills.test.ts'],
    runsOn: memory,
    repeats: 1,
  }),
  vitestPart({
    name: 'faults',
    shows: 'whatever fails around what asks a provider, the session ends in its time and nothing is left',
    project: 'docker',
    files: ['test/docker/fault-matrix.test.ts'],
    runsOn: 'the provider',
    leftOut: inMemory,
    repeats: 1,
  }),
  vitestPart({
    name: 'faults',
    shows: 'wherever a worker is killed as it asks a provider, the next one goes on and nothing is left',
    project: 'temporal',
    files: ['test/temporal/fault-matrix-kills.test.ts'],
    runsOn: 'the provider',
    leftOut: inMemory,
    repeats: 1,
  }),
  vitestPart({
    name: 'bounds',
    shows: 'every state is left by its deadline, and no healthy session is ended after a downtime',
    project: 'temporal',
    files: ['test/temporal/bounded-states.test.ts', 'test/temporal/bounded-states-downtime.test.ts'],
    runsOn: 'the provider',
    repeats: 5,
  }),
  vitestPart({
    name: 'sweep',
    shows: 'whatever races the sweep, nothing alive is removed, and every orphan goes',
    project: 'unit',
    files: ['test/unit/sweep-safety.test.ts'],
    runsOn: { brought: 'a model' },
  }),
  vitestPart({
    name: 'sweep',
    shows: 'restored, copied and second installations on one backend remove nothing unasked',
    project: 'docker',
    files: ['test/docker/sweep-safety.test.ts'],
    runsOn: 'the provider',
    leftOut: ({ outlivesWorkers }) =>
      outlivesWorkers ? null : 'what is in the memory of one worker is in no list of another',
    repeats: 3,
  }),
  kill,
  outage,
  vitestPart({
    name: 'upgrade',
    shows: 'sessions live through a change of build and the way back',
    project: 'temporal',
    files: ['test/temporal/upgrade.test.ts'],
    runsOn: 'the provider',
    repeats: 5,
  }),
  vitestPart({
    name: 'cut',
    shows: 'whatever ends a right closes, within 5 s, what is open by it',
    project: 'e2e',
    files: ['test/e2e/doors-cut.test.ts'],
    runsOn: { brought: 'a notebook and a desktop of its own' },
  }),
  vitestPart({
    name: 'invitations',
    shows: 'whatever races an invitation, one wins, nobody is in by a lost offer, and no link is new',
    project: 'db',
    files: ['test/db/invitation-races.test.ts'],
    runsOn: { brought: 'a mail server in memory' },
  }),
]
