import type { Configuration } from '../../db/bootstrap.ts'
import type { Timings } from '../../domain/timings.ts'
import { quick, trivialTemplate } from '../temporal/stage.ts'

/** An installation with one provider in memory, which lives and dies with its worker. */
export const fakeConfiguration = (startLimit: number, startMs = 0): Configuration => ({
  providers: [
    {
      id: 'fake',
      kind: 'fake',
      startLimit,
      networks: ['127.0.0.0/8'],
      settings: { endpoint: 'serve', startMs },
    },
  ],
  templates: [{ name: 'trivial', spec: trivialTemplate }],
  quotaDefaults: {},
})

export const quickTimings: Partial<Timings> = quick
