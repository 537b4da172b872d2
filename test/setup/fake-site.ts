import type { Configuration } from '../../db/bootstrap.ts'
import type { Timings } from '../../domain/timings.ts'
import { quick } from '../temporal/stage.ts'
import { plainTemplate } from './template.ts'

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
  templates: [{ name: 'trivial', spec: plainTemplate }],
  quotaDefaults: {},
})

export const quickTimings: Partial<Timings> = quick
