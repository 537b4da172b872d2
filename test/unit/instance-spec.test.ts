import { expect, test } from 'vitest'
import { specify } from '../../activities/instance-spec.ts'
import type { ProjectId, ProviderId, SessionId } from '../../domain/ids.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { plainTemplate } from '../setup/template.ts'

const key = { sessionId: 's1abc' as SessionId, generation: 1 }
const plainLaunch = {
  providerId: 'fake' as ProviderId,
  projectId: 'p1' as ProjectId,
  deploymentId: 'd1',
  template: plainTemplate,
  parameters: {},
  secretParameters: null,
  size: 'small',
  lifetimeSeconds: 3_600,
  resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
  posix: null,
  mounts: [],
  missing: [],
}

test('a program is told the id of its session where its template asks for that, and nowhere else', () => {
  const template = {
    ...plainTemplate,
    environment: { CARREL_BASE_URL: '/{session}-web/', TWICE: '{session} {session}', PLAIN: '{sessions}' },
    parameters: { said: { type: 'string' as const, env: 'SAID' } },
  }
  const launch = { ...plainLaunch, template, parameters: { said: '{session}' } }
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

test('only an instance whose template says so is given what it may report its ports with', () => {
  const report = { url: 'https://carrel.example.org/v1/instance-reports', token: 't' }
  const reportedPorts = { from: 20_000, to: 20_999, tls: true }
  const specOf = (template: TemplateSpec, given: typeof report | null) => {
    const specified = specify(key, { ...plainLaunch, template }, { secret: 'x', parameters: {}, report: given })
    return specified.kind === 'spec' ? specified.spec.report : specified
  }
  expect(specOf(plainTemplate, report)).toBeNull()
  expect(specOf({ ...plainTemplate, reportedPorts }, report)).toEqual({
    ...report,
    ports: { from: 20_000, to: 20_999 },
    tls: true,
  })
  expect(specOf({ ...plainTemplate, reportedPorts }, null)).toMatchObject({ kind: 'refused' })
})
