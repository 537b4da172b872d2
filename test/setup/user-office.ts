import type { Deciding } from '../../api/user-office/deciders.ts'
import { composeUserOffice } from '../../api/user-office/office.ts'
import type { UserOfficeDeps } from '../../api/user-office/office.ts'
import { readConfig } from '../../platform/config.ts'
import { officeCredentials } from '../support/user-office/user-office.ts'
import type { TestUserOffice } from '../support/user-office/user-office.ts'

export const issuer = 'https://office.example.org'
export const proxy = '192.0.2.80'

interface TestOfficeSettings {
  readonly triesPerName?: number
  readonly timeoutMs?: number
  /** The issuers that the site has beside it. */
  readonly issuers?: readonly Deciding[]
}

/** A user office as a site configures it, with the peer behind it. */
export function userOfficeOf(
  office: TestUserOffice,
  more: object = {},
  { triesPerName = 1_000, timeoutMs = 20_000, issuers = [] }: TestOfficeSettings = {},
): UserOfficeDeps {
  const { userOffice: config } = readConfig(['userOffice'], {
    CARREL_ENV: 'development',
    CARREL_USER_OFFICE: JSON.stringify({
      issuer,
      passwords: { url: `${office.url}/login` },
      umbrella: { url: `${office.url}/hash`, proxies: [`${proxy}/32`] },
      isAuthorized: { url: `${office.url}/is_authorized`, ...officeCredentials },
      firstSignIn: { rule: 'open' },
      ...more,
    }),
  })
  const deps = composeUserOffice({
    config,
    issuers,
    limits: { triesPerName, refusalMs: 150 },
    post: { timeoutMs, failures: 1_000, restMs: 1 },
  })
  if (deps === undefined) throw new Error('There is no user office.')
  return deps
}
