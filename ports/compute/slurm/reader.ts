import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { SlurmApi } from './api.ts'
import { SlurmFailure } from './failure.ts'
import { usersShape } from './shapes.ts'

/**
 * Whether the reader sees the jobs of all users whatever `PrivateData` says. What that says is not told by slurmrestd, so an ordinary
 * user is doubtful and not wrong. Root sees everything; of Slurm's own user the accounting often knows nothing.
 */
export async function readerFindings(api: SlurmApi, user: string, signal: AbortSignal): Promise<CheckFinding[]> {
  if (user === 'root') return []
  const level = await levelOf(api, user, signal)
  if (seeing.includes(level)) return []
  return ordinary.includes(level)
    ? [{ code: 'permission_missing', level: 'warning', about: 'jobs of all users' }]
    : [{ code: 'not_checked', level: 'warning', about: `administrator level of ${user}` }]
}

/** Whether no job of a user is hidden from the reader. `false`: it may be. */
export type Sight = (owner: string, signal: AbortSignal) => Promise<boolean>

const keptMs = 10 * 60_000

/** Asks the accounting for the reader's level, no oftener than every ten minutes. */
export function createSight(api: SlurmApi, user: string, now: () => number = Date.now): Sight {
  let known = { seesAll: user === 'root', until: user === 'root' ? Infinity : 0 }
  return async (owner, signal) => {
    if (owner === user) return true
    if (now() >= known.until)
      known = { seesAll: seeing.includes(await levelOf(api, user, signal)), until: now() + keptMs }
    return known.seesAll
  }
}

const seeing = ['Operator', 'Administrator']
const ordinary = ['None', 'Not Set']

/** In Slurm's words; empty: it was not to be learned. */
async function levelOf(api: SlurmApi, user: string, signal: AbortSignal): Promise<string> {
  try {
    const { users } = await api.read('slurmdb', `user/${encodeURIComponent(user)}`, usersShape, signal)
    return users.find(({ name }) => name === user)?.administrator_level ?? ''
  } catch (error) {
    if (error instanceof SlurmFailure) return ''
    throw error
  }
}
