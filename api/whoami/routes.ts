import { booksOf } from '../../db/admission.ts'
import { listIdentities } from '../../db/identities.ts'
import { readMaintenance } from '../../db/maintenance.ts'
import { mustAcceptTerms, readTerms } from '../../db/terms.ts'
import type { AccountId } from '../../domain/ids.ts'
import { hindrancesOf } from '../../domain/may.ts'
import type { Hindrance } from '../../domain/may.ts'
import { nothing, unlimited } from '../../domain/resources.ts'
import { readAccount } from '../accounts/commands.ts'
import { json } from '../answers.ts'
import type { Services } from '../deps.ts'
import type { AppContext } from '../env.ts'
import { route } from '../route.ts'
import { codeOf } from '../user-office/own-resources.ts'
import { presentWhoami, WhoamiDocument } from './schemas.ts'
import type { Whoami } from './schemas.ts'

/** What the user office has against sessions outside experiments, where it is asked. */
async function hindrancesOutside({ db, userOffice }: Services, accountId: AccountId): Promise<readonly Hindrance[]> {
  const code = codeOf((await userOffice?.ownResources?.of(db, accountId)) ?? 'authorized')
  return code === null ? [] : [code]
}

/** Who calls, and what they may. */
async function readWhoami(c: AppContext): Promise<Whoami> {
  const { principal, services } = c.var
  const { db } = services
  const { accountId, actor } = principal
  const [account, terms, owesTerms, identities, books, { maintenance }, outside] = await Promise.all([
    readAccount(db, accountId),
    readTerms(db, accountId),
    mustAcceptTerms(db, accountId),
    actor.actingFor ? [] : listIdentities(db, accountId),
    booksOf(db, [{ kind: 'account', id: accountId }]),
    readMaintenance(db),
    hindrancesOutside(services, accountId),
  ])
  const { limits, held } = books[0] ?? { limits: unlimited, held: nothing }
  const reasons = hindrancesOf(actor, { owesTerms, limits, held, isMaintained: maintenance !== null, outside })
  return { principal, account, terms, identities, reasons }
}

const whoami = route(
  {
    operationId: 'whoami',
    summary: 'Read who you are to Carrel',
    description: 'And what you may do with this token now, and why not.',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/whoami',
    right: 'self:read',
    responses: { 200: json(WhoamiDocument, 'Whose rights count, who acts, and what may be done') },
  },
  async (c) => c.json(presentWhoami(await readWhoami(c)), 200),
)

export const whoamiRoutes = [whoami]
