import type { InstanceUser } from '../provider.ts'
import type { SlurmSettings } from './settings.ts'

/** Users that every system has, whatever their numbers. */
const reserved = ['root', 'slurm', 'munge', 'nobody', 'daemon', 'bin', 'sys', 'systemd-network']
const namePattern = /^[a-z_][a-z0-9_-]{0,31}$/
/** From here on numbers stand for nobody, or for nothing. */
const firstStrange = 65_534

export type UserRules = Pick<SlurmSettings, 'minimumUid' | 'refusedUsers'>

export const isReserved = (name: string, { refusedUsers }: Pick<UserRules, 'refusedUsers'>): boolean =>
  !namePattern.test(name) || reserved.includes(name) || refusedUsers.includes(name)

/** As whom a job runs, or why as nobody: before any token is made. */
export function mappedUser(
  user: Pick<InstanceUser, 'name' | 'uid'> | null,
  rules: UserRules,
): { readonly name: string; readonly uid: number } | { readonly why: string } {
  if (user === null) return { why: 'the template names no user, and a job has no other' }
  if (user.name === undefined) return { why: `the user ${user.uid} has no name among the users of the cluster` }
  if (isReserved(user.name, rules)) return { why: `nothing runs as ${user.name}` }
  if (!isOrdinary(user.uid, rules)) return { why: `nothing runs as the system's user ${user.uid}` }
  return { name: user.name, uid: user.uid }
}

export const isOrdinary = (uid: number, { minimumUid }: Pick<UserRules, 'minimumUid'>): boolean =>
  Number.isSafeInteger(uid) && uid >= minimumUid && (uid < firstStrange || uid > 65_535)
