import { expect, test } from 'vitest'
import { specify } from '../../activities/instance-spec.ts'
import type { Launch, LaunchExperiment } from '../../db/launch.ts'
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
  mounts: [] as Launch['mounts'],
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

test('no image says itself as whom it works with the data of an experiment', () => {
  const experiment = {
    role: 'editor' as const,
    starts: null,
    ends: null,
    posix: null,
    datasets: [{ path: '/visits/v1' }],
  }
  const mounts = [{ hostPath: '/mnt/visits/v1', target: '/experiment/results', mode: 'rw' as const }]
  const userIn = (over: Partial<typeof plainLaunch> & { readonly experiment: LaunchExperiment | null }) => {
    const specified = specify(key, { ...plainLaunch, mounts, ...over }, { secret: 'x', parameters: {} })
    return specified.kind === 'spec' ? specified.spec.user : specified
  }
  expect(userIn({ experiment })).toEqual({ kind: 'refused', detail: expect.stringContaining('defaultPosix') })
  const posix = { uid: 40_001, gid: 40_002 }
  expect(userIn({ experiment: { ...experiment, posix } })).toEqual({ ...posix, gids: [] })
  const template = { ...plainTemplate, user: { uid: 1_000, gid: 100 } }
  expect(userIn({ experiment, template })).toEqual({ uid: 1_000, gid: 100, gids: [] })
  // What else is mounted is the template's own matter.
  expect(userIn({ experiment: { ...experiment, datasets: [] } })).toBeNull()
  expect(userIn({ experiment: null })).toBeNull()
})
