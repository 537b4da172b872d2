import type { Configuration } from '../../db/bootstrap.ts'
import { plainTemplate } from '../setup/template.ts'

/** A provider in memory, whose instances are ready at once and cost next to nothing: what is measured is Carrel. */
export const fakeConfiguration = (startLimit: number): Configuration => ({
  providers: [{ id: 'fake', kind: 'fake', startLimit, networks: ['127.0.0.0/8'], settings: { endpoint: 'nowhere' } }],
  templates: [{ name: 'plain', spec: { ...plainTemplate, readiness: { kind: 'log', pattern: 'listening on 8888' } } }],
  quotaDefaults: {},
})
