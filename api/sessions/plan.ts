import type { z } from '@hono/zod-openapi'
import type { Db } from '../../db/connect.ts'
import type { Grounds } from '../../db/grounds.ts'
import type { NewSession } from '../../db/intents.ts'
import { missingSources } from '../../db/storage-sources.ts'
import type { Template } from '../../db/templates.ts'
import type { AccountId, ProjectId, ProviderId } from '../../domain/ids.ts'
import type { AccessRule } from '../../domain/experiment.ts'
import { choosePlacement, withAtHand } from '../../domain/placement.ts'
import type { Demand, Lack } from '../../domain/placement.ts'
import type { Resources } from '../../domain/resources.ts'
import { partSecrets, resolveParameters } from '../../domain/template.ts'
import type { ParameterValue, TemplateSpec } from '../../domain/template.ts'
import { invalid, Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'
import { planExperiment } from './experiment.ts'
import { mountFaults } from './mounts.ts'
import type { SessionAsk } from './schemas.ts'

export type Ask = z.output<typeof SessionAsk>

/** What would be started: every choice made, every default applied, everything checked but the quotas. */
export interface Plan {
  readonly template: Template
  readonly projectId: ProjectId
  readonly providerId: ProviderId
  readonly size: string
  readonly resources: Resources
  readonly parameters: Record<string, ParameterValue>
  /** Values of parameters that the template declares secret: to be sealed, and shown to nobody. */
  readonly secrets: Record<string, ParameterValue>
  /** What was asked for, and what comes with the experiment. */
  readonly mounts: Ask['mounts']
  readonly experiment?: NonNullable<NewSession['experiment']>
}

/** For whom it is, by the site's rules. */
export interface PlanFor {
  readonly accountId: AccountId
  readonly access: AccessRule
}

/** Plans a session on what was read for it. That the account may work in the project is checked before. Throws a problem that names the place. */
export async function planSession(db: Db, grounds: Grounds, ask: Ask, who: PlanFor): Promise<Plan> {
  const template = activeTemplate(grounds)
  const { spec } = template
  const size = ask.size ?? spec.defaultSize
  const resources = sizeOf(spec, size)
  const { open: parameters, secret: secrets } = partSecrets(spec.parameters, parametersOf(spec, ask.parameters))
  const experiment = await planExperiment(db, spec, ask, who)
  const mounts = [...ask.mounts, ...experiment.mounts]
  refuseIfAny(
    mountFaults(mounts, spec.mounts).map(experiment.blame),
    'What is to be mounted does not fit the template.',
  )
  const projectId = experiment.projectId ?? ask.projectId ?? grounds.personalProjectId
  if (projectId === null) throw new Error('An account without its own project.')
  if (grounds.isProjectClosed) throw new Problem('conflict', 'The project is closed.')
  const missing = await missingSources(db, projectId, ask.mounts)
  const isAtHand = (id: ProviderId) => missing(id).length + experiment.outOfReach(id).length === 0
  const candidates = withAtHand(grounds.candidates, isAtHand)
  const providerId = placeOf(spec, { resources, mounts: mounts.length > 0 }, candidates)
  refuseIfAny(
    missing(providerId).map((index): Fault => ({
      in: 'body',
      pointer: `/mounts/${index}/source`,
      message: 'There is no such source for this project and mode.',
    })),
    'What is to be mounted is not there.',
  )
  refuseIfAny(experiment.outOfReach(providerId), "The experiment's data is not at hand there.")
  const plan = { template, projectId, providerId, size, resources, parameters, secrets, mounts }
  return experiment.session === null ? plan : { ...plan, experiment: experiment.session }
}

function placeOf(
  { provider, requires = {}, egress, readiness, backend, reportedPorts }: TemplateSpec,
  wanted: Pick<Demand, 'resources' | 'mounts'>,
  candidates: Grounds['candidates'],
): ProviderId {
  const placement = choosePlacement(
    { provider, requires, egress, readiness, backend, reports: reportedPorts !== undefined, ...wanted },
    candidates,
  )
  if (placement.kind === 'placed') return placement.providerId
  if (placement.kind === 'none')
    throw new Problem('provider_unknown', 'No provider that could run this template is in service. Ask an operator.')
  const errors = placement.lacking.map((lack): Fault => ({ in: 'body', ...lackFaults[lack] }))
  throw new Problem('provider_unfit', 'No provider in service can do what this asks for.', { errors })
}

const lackFaults: Readonly<Record<Lack, Pick<Fault, 'pointer' | 'message'>>> = {
  gpu: { pointer: '/size', message: 'There is no GPU to be had. Choose a size without one.' },
  mounts: { pointer: '/mounts', message: 'Nothing can be mounted there. Start it without.' },
  egress: { pointer: '/templateId', message: 'The network access of this template cannot be had. Ask an operator.' },
  pause: { pointer: '/templateId', message: 'Sessions of this template must be able to pause. Ask an operator.' },
  isolation: {
    pointer: '/templateId',
    message: 'Sessions of this template must be kept apart better. Ask an operator.',
  },
  disk_limit: { pointer: '/templateId', message: 'This template needs a limit on disks. Ask an operator.' },
  logs: { pointer: '/templateId', message: 'Nobody sees there whether this template is ready. Ask an operator.' },
  reports: {
    pointer: '/templateId',
    message: 'Nothing can report its ports there, as this template wants. Ask an operator.',
  },
  terms: { pointer: '/templateId', message: 'This template does not say what is needed there. Ask an operator.' },
}

function activeTemplate({ template }: Grounds): Template {
  if (template === null) throw invalid('/templateId', 'There is no such template.', 'not_found')
  if (template.deactivatedAt === null) return template
  throw invalid('/templateId', 'This template is not active any more.', 'template_inactive')
}

function sizeOf({ sizes }: TemplateSpec, name: string): Resources {
  const size = Object.hasOwn(sizes, name) ? sizes[name] : undefined
  if (size === undefined) throw invalid('/size', `Expected one of: ${Object.keys(sizes).join(', ')}.`)
  return { sessions: 1, ...size }
}

function parametersOf(spec: TemplateSpec, asked: Ask['parameters']): Record<string, ParameterValue> {
  const { values, faults } = resolveParameters(spec.parameters, asked)
  const code = faults.some((f) => f.code === 'unknown_parameter') ? 'unknown_parameter' : 'invalid_request'
  const errors = faults.map(({ name, message }): Fault => ({ in: 'body', pointer: `/parameters/${name}`, message }))
  if (errors.length > 0) throw new Problem(code, 'The parameters do not fit the template.', { errors })
  return values
}

function refuseIfAny(errors: readonly Fault[], detail: string): void {
  if (errors.length > 0) throw new Problem('invalid_request', detail, { errors })
}
