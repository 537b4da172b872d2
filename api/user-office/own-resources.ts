import type { Executor } from '../../db/connect.ts'
import { officeLoginsOf } from '../../db/office-logins.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { OwnResources, UserOffice } from '../../ports/identity/user-office.ts'
import { Problem } from '../problem.ts'

/** `no_login`: the account has none at the user office. */
export type Standing = OwnResources['kind'] | 'no_login'

/** Who may start a session outside an experiment, as the user office says. */
export interface OwnResourcesRight {
  /** Asks, unless it was answered just now. */
  of(executor: Executor, accountId: AccountId): Promise<Standing>
  /** Throws 403, and 503 where nobody can say. Not for inside a transaction. */
  expect(executor: Executor, accountId: AccountId): Promise<void>
}

/** A yes holds so long, and a no is asked again sooner. */
const yesMs = 60_000
const noMs = 5_000
const mostKept = 10_000

/** `issuers`: whose word counts of who has which login at the user office. */
export function createOwnResources(
  ask: NonNullable<UserOffice['mayUseResources']>,
  issuers: readonly string[],
  now: () => number = Date.now,
): OwnResourcesRight {
  const known = new Map<string, { readonly kind: 'authorized' | 'refused'; readonly until: number }>()
  const asking = new Map<string, Promise<OwnResources['kind']>>()

  async function askOnce(login: string): Promise<OwnResources['kind']> {
    const asked = now()
    const { kind } = await ask(login)
    if (kind === 'unavailable') return kind
    if (known.size >= mostKept) known.clear()
    known.set(login, { kind, until: asked + (kind === 'authorized' ? yesMs : noMs) })
    return kind
  }

  async function verdictOn(login: string): Promise<OwnResources['kind']> {
    const before = known.get(login)
    if (before !== undefined && before.until > now()) return before.kind
    const asked = asking.get(login) ?? askOnce(login).finally(() => asking.delete(login))
    asking.set(login, asked)
    return await asked
  }

  const of: OwnResourcesRight['of'] = async (executor, accountId) => {
    const logins = await officeLoginsOf(executor, accountId, issuers)
    if (logins.length === 0) return 'no_login'
    const verdicts = await Promise.all(logins.map(verdictOn))
    if (verdicts.includes('authorized')) return 'authorized'
    return verdicts.includes('unavailable') ? 'unavailable' : 'refused'
  }

  return {
    of,
    async expect(executor, accountId) {
      const standing = await of(executor, accountId)
      if (standing !== 'authorized') throw refusalOf(standing)
    },
  }
}

/** By which code such a session is refused; `null`: it is not. */
export const codeOf = (standing: Standing): 'not_authorized' | 'user_office_unavailable' | null =>
  standing === 'authorized' ? null : standing === 'unavailable' ? 'user_office_unavailable' : 'not_authorized'

function refusalOf(standing: Exclude<Standing, 'authorized'>): Problem {
  switch (standing) {
    case 'no_login':
      return new Problem(
        'not_authorized',
        'Outside an experiment only who has a login at the user office starts sessions here, and this account has none. Sign in with it, or choose an experiment.',
      )
    case 'refused':
      return new Problem(
        'not_authorized',
        'The user office has not given you the right to start sessions outside an experiment. Ask it for that, or choose an experiment.',
      )
    case 'unavailable':
      return new Problem(
        'user_office_unavailable',
        'The user office does not answer, and so nobody can say whether you may start this outside an experiment. Try again in a while.',
      )
    default:
      return standing satisfies never
  }
}
