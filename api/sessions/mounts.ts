import type { MountRequest } from '../../db/schema.ts'
import type { MountAllowance } from '../../domain/template.ts'
import type { Fault } from '../problem.ts'

export const mountKinds = ['dataset', 'workspace', 'experiment'] as const

/** Where what is to be mounted is not what the template allows, or two things would lie in one place. */
export function mountFaults(asked: readonly MountRequest[], allowed: readonly MountAllowance[]): Fault[] {
  return asked.flatMap(({ source, target, mode }, index): Fault[] => {
    const place = `/mounts/${index}`
    const allowance = allowed.find((a) => a.kind === source.kind)
    if (allowance === undefined) return [fault(`${place}/source/kind`, `The template mounts no ${source.kind}.`)]
    if (!allowance.modes.includes(mode))
      return [fault(`${place}/mode`, `The template mounts a ${source.kind} only as ${allowance.modes.join(' or ')}.`)]
    const overlaps = asked.slice(0, index).some((other) => within(target, other.target) || within(other.target, target))
    return overlaps ? [fault(`${place}/target`, 'Another mount lies there.')] : []
  })
}

const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`)
const fault = (pointer: string, message: string): Fault => ({ in: 'body', pointer, message })
