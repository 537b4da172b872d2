import { identityRoutes } from './accounts/identity-routes.ts'
import { accountRoutes } from './accounts/routes.ts'
import { browserSessionRoutes } from './browser-sessions/routes.ts'
import { ownIdentityRoutes } from './identities/routes.ts'
import { signInEndRoutes } from './sign-in/end-routes.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { accountStandingRoutes } from './accounts/standing-routes.ts'
import { catalogueSyncRoutes } from './catalogue-syncs/routes.ts'
import { collaboratorRoutes } from './collaborators/routes.ts'
import { codecRoutes } from './codec/routes.ts'
import { liveRoutes } from './connections/live-routes.ts'
import { connectionRoutes } from './connections/routes.ts'
import { deviceRoutes } from './device-authorizations/routes.ts'
import { experimentRoutes } from './experiments/routes.ts'
import { favouriteRoutes } from './favourites/routes.ts'
import { eventRoutes } from './events/routes.ts'
import { maintenanceRoutes } from './maintenance/routes.ts'
import { previewRoutes } from './previews/routes.ts'
import { memberRoutes } from './projects/member-routes.ts'
import { projectRoutes } from './projects/routes.ts'
import { projectStandingRoutes } from './projects/standing-routes.ts'
import { providerCheckRoutes } from './providers/check-routes.ts'
import { providerRegistryRoutes } from './providers/registry-routes.ts'
import { providerRoutes } from './providers/routes.ts'
import { provisionerRoutes } from './provisioner/routes.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { reconciliationRoutes } from './reconciliations/routes.ts'
import { reportRoutes } from './reports/routes.ts'
import { placeInvitationRoutes } from './invitations/place-routes.ts'
import { invitationRoutes } from './invitations/routes.ts'
import { hawkKeyRoutes } from './hawk-keys/routes.ts'
import { userOfficeRoutes } from './user-office/routes.ts'
import type { Route } from './route.ts'
import { sessionOperationRoutes } from './sessions/operation-routes.ts'
import { sessionPauseRoutes } from './sessions/pause-routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { sessionTransferRoutes } from './sessions/transfer-routes.ts'
import { statusRoutes } from './status/routes.ts'
import { templateRoutes } from './templates/routes.ts'
import { termsRoutes } from './terms/routes.ts'
import { tokenRequestRoutes } from './token/routes.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { vouchedAccountRoutes } from './vouched-accounts/routes.ts'
import { whoamiRoutes } from './whoami/routes.ts'

/** Every route there is. The rights matrix is generated from it; what is not here is not served. */
export const routes: readonly Route[] = [
  ...sessionRoutes,
  ...sessionPauseRoutes,
  ...sessionTransferRoutes,
  ...sessionOperationRoutes,
  ...previewRoutes,
  ...connectionRoutes,
  ...liveRoutes,
  ...collaboratorRoutes,
  ...eventRoutes,
  ...templateRoutes,
  ...projectRoutes,
  ...memberRoutes,
  ...placeInvitationRoutes,
  ...invitationRoutes,
  ...projectStandingRoutes,
  ...experimentRoutes,
  ...favouriteRoutes,
  ...quotaRoutes,
  ...userOfficeRoutes,
  ...signInRoutes,
  ...signInEndRoutes,
  ...browserSessionRoutes,
  ...ownIdentityRoutes,
  ...tokenRequestRoutes,
  ...deviceRoutes,
  ...tokenRoutes,
  ...hawkKeyRoutes,
  ...accountRoutes,
  ...accountStandingRoutes,
  ...vouchedAccountRoutes,
  ...identityRoutes,
  ...termsRoutes,
  ...whoamiRoutes,
  ...statusRoutes,
  ...codecRoutes,
  ...reportRoutes,
  ...providerRoutes,
  ...providerRegistryRoutes,
  ...providerCheckRoutes,
  ...provisionerRoutes,
  ...reconciliationRoutes,
  ...catalogueSyncRoutes,
  ...maintenanceRoutes,
]

/** The methods that an address takes, of every route whose path it fits. */
export function methodsOf(path: string): string[] {
  const fitting = routes.filter((route) => patternOf(route.path).test(path)).map((route) => route.method)
  return [...new Set(fitting.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))]
}

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
