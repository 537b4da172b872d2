import type { RefusalCode } from '../../../domain/errors.ts'
import type { InstanceSpec } from '../provider.ts'
import { jobName } from './names.ts'
import { jobScript } from './script.ts'
import type { SlurmSettings } from './settings.ts'
import { mappedUser } from './users.ts'

/** What cannot be made here, whoever asks. */
export interface Objection {
  readonly code: RefusalCode
  readonly detail: string
}

export interface PlannedJob {
  readonly user: { readonly name: string; readonly uid: number }
  readonly name: string
  /** The body of the submission. */
  readonly body: object
}

/** Says what is to be submitted, or why nothing is. Nothing has been asked of anybody yet, and no token was made. */
export function plannedJob(spec: InstanceSpec, settings: SlurmSettings): PlannedJob | Objection {
  const user = mappedUser(spec.user, settings)
  if ('why' in user) return { code: 'start_failed', detail: user.why }
  const image = Object.hasOwn(settings.images, spec.image) ? settings.images[spec.image] : undefined
  if (image === undefined)
    return { code: 'image_missing', detail: `the provider's settings describe no image ${spec.image.slice(0, 200)}` }
  const unfit = unfitness(spec, settings)
  if (unfit !== null) return { code: 'template_unfit', detail: unfit }
  const name = jobName(spec, user.name)
  return {
    user,
    name,
    body: { script: jobScript(spec, user, image), job: description(spec, settings, name, user.name) },
  }
}

const variable = /^[A-Za-z_][A-Za-z0-9_]*$/

function unfitness(spec: InstanceSpec, { exclusiveNodes }: SlurmSettings): string | null {
  const { command, environment, report, resources, secret } = spec
  if (command === null || command.length === 0) return 'a job needs a command'
  if (resources.cpuMilli <= 0 || resources.memoryMib <= 0) return 'a job needs processors and memory'
  if (spec.mounts.length > 0) return 'this provider mounts nothing: a job sees what its user sees on the node'
  if (spec.egress === 'none') return 'this provider cannot keep a job from the network'
  if (spec.readiness.kind === 'log') return 'this provider cannot read what a job prints'
  if (spec.capabilities.length > 0) return 'this provider grants no capabilities'
  if (!exclusiveNodes && report?.tls !== true)
    return report === null
      ? 'nodes are shared: the template must let the job choose its ports and report them'
      : 'nodes are shared: what the job reports must speak TLS with a certificate of its own'
  if (Object.keys(environment).some((key) => !variable.test(key))) return 'the environment holds what is no variable'
  const said = [...command, ...Object.values(environment), secret, report?.token ?? '', report?.url ?? '']
  return said.some((text) => text.includes('\0')) ? 'the command or the environment holds a zero byte' : null
}

type NamedTerms = Pick<SlurmSettings, 'partition' | 'account' | 'qos' | 'gres'>

/** What the job asks for by name: the template's word before the settings'. */
export const termsOf = (
  { terms: { slurm = {} } }: Pick<InstanceSpec, 'terms'>,
  { partition, account, qos, gres }: NamedTerms,
): NamedTerms => ({
  partition: slurm.partition ?? partition,
  account: slurm.account ?? account,
  qos: slurm.qos ?? qos,
  gres: slurm.gres ?? gres,
})

function description(spec: InstanceSpec, settings: SlurmSettings, name: string, user: string): object {
  const { resources } = spec
  const { partition, account, qos, gres } = termsOf(spec, settings)
  const placed = (path: string) => path.replaceAll('{user}', user)
  return {
    name,
    // For who looks at the queue. Its owner may change it, so nothing is read from it.
    comment: `Carrel session ${spec.sessionId}`,
    ...(partition === undefined ? {} : { partition }),
    ...(account === undefined ? {} : { account }),
    ...(qos === undefined ? {} : { qos }),
    tasks: 1,
    cpus_per_task: Math.ceil(resources.cpuMilli / 1_000),
    memory_per_node: resources.memoryMib,
    ...(resources.gpus > 0 ? { gres: `${gres}:${resources.gpus}` } : {}),
    time_limit: timeLimitMinutes(spec.lifetimeSeconds, settings),
    // All that a job's environment holds beside what Slurm sets: the script adds who it is.
    environment: { PATH: settings.path, LANG: 'C.UTF-8', ...spec.environment },
    current_working_directory: placed(settings.workingDirectory),
    standard_output: placed(settings.outputFile),
    standard_error: placed(settings.outputFile),
    // Not heeded by every version, so the script looks for itself.
    requeue: false,
  }
}

/** Slurm counts from the job's begin, a lifetime from when the session is ready: the margin lets the lifetime end first. */
export function timeLimitMinutes(
  lifetimeSeconds: number,
  { wallMarginSeconds, maxMinutes }: Pick<SlurmSettings, 'wallMarginSeconds' | 'maxMinutes'>,
): number {
  const least = Math.max(1, Math.ceil(lifetimeSeconds / 60))
  const wanted = Math.max(1, Math.ceil((lifetimeSeconds + wallMarginSeconds) / 60))
  return Math.min(wanted, Math.max(least, maxMinutes ?? wanted))
}
