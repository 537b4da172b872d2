import { createHmac } from 'node:crypto'
import { instanceOf } from '../../../domain/ids.ts'
import type { InstanceSpec } from '../provider.ts'

/** What a job's name says of its instance. */
export interface Sealed {
  /** The instance's own name. */
  readonly name: string
  /** Where it listens; `null`: it reports that. */
  readonly ports: readonly number[] | null
}

/**
 * A job's name is the one thing that the controller's list and the accounting both hold. It is the instance's name, its ports and a
 * seal over those, the deployment and the user: another deployment's job, or a copy that another user of the cluster made of a name
 * that everybody can see, does not bear it.
 */
export function jobName(
  { name, deploymentId, ports, report }: Pick<InstanceSpec, 'name' | 'deploymentId' | 'ports' | 'report'>,
  user: string,
): string {
  const open = `${name}.${report === null ? `p${ports.join('-')}` : 'r'}`
  return `${open}.${seal(open, deploymentId, user)}`
}

/** Reads a job's name. `null`: it is not of this deployment, or its user is not whom it was made for. */
export function readJobName(text: string, deploymentId: string, user: string): Sealed | null {
  const [, name = '', ports = '', given] =
    /^([a-z0-9-]{1,60})\.(r|p(?:\d{1,5}(?:-\d{1,5})*)?)\.([0-9a-f]{16})$/.exec(text) ?? []
  if (instanceOf(name) === null || given !== seal(`${name}.${ports}`, deploymentId, user)) return null
  return { name, ports: ports === 'r' ? null : (ports.match(/\d+/g) ?? []).map(Number) }
}

/** Whether it may be ours: the rest of a cluster's jobs is not looked at. */
export const mayBeOurs = (text: string): boolean => text.startsWith('carrel-')

const seal = (open: string, deploymentId: string, user: string): string =>
  createHmac('sha256', deploymentId).update(`${open}\n${user}`).digest('hex').slice(0, 16)
