import { expect, test } from 'vitest'
import { specify } from '../../activities/instance-spec.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { plainTemplate } from '../setup/template.ts'

test('a program is told the id of its session where its template asks for that, and nowhere else', () => {
  const key = { sessionId: 's1abc' as SessionId, generation: 1 }
  const launch = {
    providerId: 'fake' as ProviderId,
    deploymentId: 'd1',
    template: {
      ...plainTemplate,
      environment: { CARREL_BASE_URL: '/{session}-web/', TWICE: '{session} {session}', PLAIN: '{sessions}' },
      parameters: { said: { type: 'string' as const, env: 'SAID' } },
    },
    parameters: { said: '{session}' },
    secretParameters: null,
    size: 'small',
    lifetimeSeconds: 3_600,
    resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
    posix: null,
    mounts: [],
    missing: [],
  }
  const specified = specify(key, launch, { secret: 'x', parameters: {} })
  expect(specified).toMatchObject({
    kind: 'spec',
    spec: {
      environment: {
        CARREL_BASE_URL: '/s1abc-web/',
        TWICE: 's1abc s1abc',
        PLAIN: '{sessions}',
        // What a caller says stays what it says.
        SAID: '{session}',
      },
    },
  })
})
