import type { FirstSignIn } from '../../domain/sign-in.ts'
import { isWithin, parseAddress, parseNetwork } from '../../platform/addresses.ts'
import { ConfigInvalid } from '../../platform/config.ts'
import type { Config } from '../../platform/config.ts'
import { createUserOffice } from '../../ports/identity/office/office.ts'
import type { PostSettings } from '../../ports/identity/office/post-json.ts'
import type { UserOffice } from '../../ports/identity/user-office.ts'
import { decidersOfLogins } from './deciders.ts'
import type { Deciding } from './deciders.ts'
import { createOwnResources } from './own-resources.ts'
import type { OwnResourcesRight } from './own-resources.ts'

/** The user office as the api asks it. */
export interface UserOfficeDeps {
  /** As its identities are called. */
  readonly issuer: string
  /** As people call it. */
  readonly name: string
  readonly office: UserOffice
  readonly firstSignIn: FirstSignIn
  /** Whether who is connected is a proxy whose headers are taken. */
  readonly isProxy: (peer: string | undefined) => boolean
  /** How often a name may be tried in a minute, in each process. */
  readonly triesPerName: number
  /** No refusal is answered sooner, ms: how long it took tells nothing of whether there is such a name. */
  readonly refusalMs: number
  /** Who may start a session outside an experiment; `null`: whoever may otherwise. */
  readonly ownResources: OwnResourcesRight | null
}

interface Composing {
  readonly config: Config<'userOffice'>['userOffice']
  /** The others that say who somebody is. */
  readonly issuers: readonly Deciding[]
  readonly limits?: Partial<Pick<UserOfficeDeps, 'triesPerName' | 'refusalMs'>>
  readonly post?: PostSettings
}

/**
 * The user office as the site configures it; `undefined`: there is none. Asks nothing of it.
 * @throws ConfigInvalid where it is called as another issuer is: what the one calls somebody would be anybody's of the other
 */
export function composeUserOffice({ config, issuers, limits = {}, post }: Composing): UserOfficeDeps | undefined {
  if (config === null) return undefined
  if (issuers.some(({ issuer }) => issuer === config.issuer))
    throw new ConfigInvalid([{ key: 'CARREL_USER_OFFICE.issuer', expected: 'must not be that of a configured issuer' }])
  const office = createUserOffice(config, post)
  const proxies = (config.umbrella?.proxies ?? []).map(parseNetwork)
  return {
    issuer: config.issuer,
    name: config.name,
    office,
    firstSignIn: config.firstSignIn,
    isProxy: (peer) => {
      const address = parseAddress(peer ?? '')
      return address !== null && proxies.some((network) => isWithin(address, network))
    },
    triesPerName: 5,
    refusalMs: 1_000,
    ...limits,
    ownResources:
      office.mayUseResources === null
        ? null
        : createOwnResources(office.mayUseResources, decidersOfLogins(issuers, config)),
  }
}
