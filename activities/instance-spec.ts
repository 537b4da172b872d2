import type { Launch } from '../db/launch.ts'
import { instanceName } from '../domain/ids.ts'
import type { OfExperiment } from '../domain/experiment.ts'
import type { Posix } from '../domain/posix.ts'
import { portsOf } from '../domain/report.ts'
import type { ParameterValue, ReportedPorts } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import type { InstanceSpec, ReportSpec } from '../ports/compute/provider.ts'

/** What cannot be made from what the server knows; `detail` is for operators. */
export type Specified =
  { readonly kind: 'spec'; readonly spec: InstanceSpec } | { readonly kind: 'refused'; readonly detail: string }

/** What was sealed, opened for this one call. */
export interface Opened {
  readonly secret: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
  /** Where an instance of a template that says so reports its ports, and with what. */
  readonly report?: { readonly url: string; readonly token: string } | null
}

/** Puts together what is to run. Callers' words come in through declared parameters alone. */
export function specify(key: SessionKey, launch: Launch, { secret, parameters, report = null }: Opened): Specified {
  const { template } = launch
  if (launch.missing.length > 0)
    return { kind: 'refused', detail: `No storage source on this provider for: ${launch.missing.join(', ')}` }
  const { reportedPorts } = template
  if (reportedPorts !== undefined && report === null)
    return { kind: 'refused', detail: 'Its instance reports its ports, and nobody said where: CARREL_REPORT_URL.' }
  const user = userOf(launch)
  if (launch.experiment?.posix && !isSomebody(launch.experiment.posix))
    return { kind: 'refused', detail: 'The experiment has a uid or gid that no person may have.' }
  if (user === undefined)
    return { kind: 'refused', detail: 'The template runs as its account, which has no POSIX user.' }
  // The image's own user is root more often than not, and nobody whom the data knows.
  if (user === null && (launch.experiment?.datasets.length ?? 0) > 0)
    return {
      kind: 'refused',
      detail:
        "Nobody says as whom to work with the experiment's data: give the experiment a uid and gid (defaultPosix of its catalogue), or its template a user.",
    }
  return {
    kind: 'spec',
    spec: {
      name: instanceName(key.sessionId, key.generation),
      deploymentId: launch.deploymentId,
      sessionId: key.sessionId,
      generation: key.generation,
      image: template.image,
      command: template.command,
      environment: { ...templateEnvironment(key, launch), ...parameterEnvironment(launch, parameters) },
      secret,
      resources: launch.resources,
      user,
      capabilities: template.capabilities,
      ports: portsOf(template),
      readiness: template.readiness,
      mounts: launch.mounts,
      egress: template.egress,
      size: launch.size,
      terms: template.backend ?? {},
      lifetimeSeconds: launch.lifetimeSeconds,
      report: reportOf(reportedPorts, report),
      projectId: launch.projectId,
    },
  }
}

/** Whoever wrote it: a number below the site's least was refused there, and root is refused here as well. */
const isSomebody = ({ uid, gid }: { readonly uid: number; readonly gid: number }): boolean => uid > 0 && gid > 0

/** In an experiment that says so everything runs as that says: its data knows nobody else. */
function userOf({ template, posix, experiment }: Launch): InstanceSpec['user'] | undefined {
  if (experiment?.posix) return { ...experiment.posix, gids: [] }
  if (template.user === null) return null
  if (template.user !== 'account') return { ...template.user, gids: [] }
  return posix === null ? undefined : { uid: posix.uid, gid: posix.gid, gids: posix.gids, name: posix.user }
}

/** The account's own user, where that is what it runs as; `null`: it runs as nobody's. */
export const ownUser = ({ template, posix, experiment }: Launch): Posix | null =>
  template.user === 'account' && !experiment?.posix ? posix : null

/** What of its experiment it is made with; `null`: it is in none. */
export const ofExperiment = ({ experiment = null }: Launch): OfExperiment | null =>
  experiment === null
    ? null
    : { datasets: experiment.datasets, uid: experiment.posix?.uid ?? null, gid: experiment.posix?.gid ?? null }

/** What the template says, with the session's id where it asks for that: programs may have to know below which path they are. */
const templateEnvironment = ({ sessionId }: SessionKey, { template }: Launch): Record<string, string> =>
  Object.fromEntries(
    Object.entries(template.environment).map(([name, value]) => [name, value.replaceAll('{session}', sessionId)]),
  )

function parameterEnvironment(
  { template, parameters: open }: Launch,
  secret: Opened['parameters'],
): Record<string, string> {
  const parameters = { ...open, ...secret }
  const named = Object.entries(template.parameters).flatMap(([name, spec]) => {
    const value = parameters[name]
    return spec.env === undefined || value === undefined ? [] : [[spec.env, String(value)] as const]
  })
  return Object.fromEntries(named)
}

function reportOf(ports: ReportedPorts | undefined, report: Opened['report']): ReportSpec | null {
  if (ports === undefined || report === null || report === undefined) return null
  const { from, to, tls } = ports
  return { ...report, ports: { from, to }, ...(tls === true ? { tls } : {}) }
}
