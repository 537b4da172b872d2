import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/setup/longest-first.ts'

const second = 1_000
const minute = 60 * second

const postgres = './test/setup/postgres.ts'
const temporal = './test/setup/temporal.ts'

interface Shape {
  readonly testTimeout: number
  readonly globalSetup: string[]
  readonly maxWorkers: number
}

const shapes: Record<string, Shape> = {
  unit: { testTimeout: 30 * second, globalSetup: [], maxWorkers: 2 },
  db: { testTimeout: 60 * second, globalSetup: [postgres], maxWorkers: 3 },
  temporal: { testTimeout: 2 * minute, globalSetup: [postgres, temporal], maxWorkers: 3 },
  docker: { testTimeout: 3 * minute, globalSetup: [postgres, temporal], maxWorkers: 3 },
  e2e: { testTimeout: 5 * minute, globalSetup: [postgres, temporal], maxWorkers: 3 },
  // No part of `npm test`: what real backends that the configuration points to are put to, by `npm run test:stands`.
  stands: { testTimeout: 5 * minute, globalSetup: [postgres, temporal], maxWorkers: 1 },
}

export default defineConfig({
  test: {
    teardownTimeout: 30 * second,
    sequence: { sequencer: LongestFirst },
    projects: Object.entries(shapes).map(([name, shape], index) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        pool: 'forks' as const,
        // Files that make what they share anew would spend more time on that than on their tests.
        isolate: false,
        globalSetup: shape.globalSetup,
        testTimeout: shape.testTimeout,
        hookTimeout: 2 * minute,
        // A machine that has much else to do may take seconds to begin a process; whoever waits for less names it.
        expect: { poll: { timeout: 15 * second } },
        // What was found is told, also where only the message of a failure is kept.
        chaiConfig: { truncateThreshold: 1_000 },
        maxWorkers: shape.maxWorkers,
        sequence: { groupOrder: index },
      },
    })),
  },
})
