import type { Configuration } from '../../db/bootstrap.ts'
import { openBooks } from '../../db/quotas.ts'
import type { AccountId, ExperimentId, ProjectId } from '../../domain/ids.ts'
import { newId } from '../../domain/ids.ts'
import { createToken } from '../../db/tokens.ts'
import { freePort } from '../../stack/ports.ts'
import { addAccount } from '../setup/person.ts'
import { plainTemplate } from '../setup/template.ts'
import { startIdentityProvider } from '../support/oidc/identity-provider.ts'
import { portalClient } from '../support/oidc/portal.ts'
import type { Ground } from './ground.ts'
import type { Place, Way } from './visitor.ts'
import { createVisitor } from './visitor.ts'
import { createSite } from './site.ts'
import type { Site } from './site.ts'

/** An installation where people sign in with an issuer, and pairs of them share an experiment with data. */
export interface PeopleSite {
  readonly place: Place
  readonly people: readonly Known[]
  close(): Promise<void>
}

/** Somebody who has an account. */
export interface Known {
  readonly name: string
  readonly way: Way
  /** Whom they let into their sessions: the other one of their experiment. */
  readonly colleagueId: string
}

const configuration: Configuration = {
  providers: [
    {
      id: 'fake',
      kind: 'fake',
      startLimit: 20,
      networks: ['127.0.0.0/8'],
      settings: { endpoint: 'nowhere', mounts: true },
    },
  ],
  templates: [
    {
      name: 'plain',
      spec: {
        ...plainTemplate,
        readiness: { kind: 'log', pattern: 'listening on 8888' },
        mounts: [{ kind: 'experiment', modes: ['ro', 'rw'] }],
        sharing: 'invited',
      },
    },
  ],
  quotaDefaults: {},
  dataRoots: [{ path: '/data', providerId: 'fake', hostPath: '/mnt/data' }],
}

/** Nobody answers there: who is sent there has arrived. */
const returnUrl = 'https://portal.example.org/home'
const often = '1000000'

/** `count`: an even number of people. */
export async function createPeopleSite(ground: Ground, count: number): Promise<PeopleSite> {
  const names = Array.from({ length: count }, (_, n) => `person-${n}`)
  const apiPort = await freePort()
  const client = { client_id: 'carrel', client_secret: 'a secret of the client' }
  const provider = await startIdentityProvider({
    clients: [
      { ...client, redirect_uris: [`http://127.0.0.1:${apiPort}/v1/sign-in/university/callback`] },
      portalClient(),
    ],
    accounts: Object.fromEntries(names.map((name) => [name, { name, email: `${name}@site.example` }])),
  })
  const university = {
    id: 'university',
    name: 'The university',
    issuer: provider.issuer,
    clientId: client.client_id,
    clientSecret: client.client_secret,
    firstSignIn: { rule: 'open' },
    exchange: { clients: ['portal'] },
  }
  try {
    const site = await createSite(ground, {
      configuration,
      apiPort,
      apiVariables: {
        CARREL_ISSUERS: JSON.stringify([university]),
        CARREL_RETURN_URLS: returnUrl,
        CARREL_SIGN_IN_LIMIT_PER_MINUTE: often,
        CARREL_TOKEN_LIMIT_PER_MINUTE: often,
      },
    })
    const close = async () => {
      await site.close()
      await provider.close()
    }
    try {
      const place = { url: site.url, issuer: provider.issuer, portalToken: await portalTokenOf(site, provider.issuer) }
      const ids: AccountId[] = []
      for (const name of names) ids.push(await accountOf(place, name))
      const people = names.map((name, n) => ({
        name,
        // Half of them by the browser's own cookie, the others through a portal.
        way: ways[n % ways.length] ?? 'browser',
        // 0 and 1, 2 and 3, …
        colleagueId: ids[n ^ 1] ?? '',
      }))
      for (let n = 0; n < count; n += 2) await addExperiment(site, n, ids.slice(n, n + 2))
      return { place, people, close }
    } catch (error) {
      await site.close()
      throw error
    }
  } catch (error) {
    await provider.close()
    throw error
  }
}

const ways: readonly Way[] = ['browser', 'exchange', 'browser', 'portal']

async function accountOf(place: Place, name: string): Promise<AccountId> {
  const visitor = createVisitor(place, name, 'browser')
  await visitor.signIn()
  const { account } = await visitor.ask('GET', '/v1/whoami')
  await visitor.signOut()
  // What everybody is told of themselves.
  return (account as { readonly id: AccountId }).id
}

/** With it a portal of the site acts for whom the issuer knows. */
async function portalTokenOf({ db }: Site, issuer: string): Promise<string> {
  const { accountId } = await addAccount(db)
  const token = { id: newId('token'), accountId, client: 'portal', name: 'The portal', issuer }
  const expiresAt = new Date(Date.now() + dayMs)
  return await db
    .transaction()
    .execute(async (trx) => await createToken(trx, { ...token, scopes: ['act-as', 'sessions', 'projects'], expiresAt }))
}
const dayMs = 86_400_000

/** As a catalogue makes it: a proposal with its people, and a visit with its data. */
async function addExperiment({ db }: Site, n: number, accounts: readonly AccountId[]): Promise<void> {
  const projectId: ProjectId = newId('project')
  const id: ExperimentId = newId('experiment')
  const lies = { path: `/data/visit-${n}`, target: '/experiment/raw', mode: 'ro' } as const
  const results = { path: `/data/visit-${n}/results`, target: '/experiment/results', mode: 'rw' } as const
  const visit = { id, project_id: projectId, name: `Visit ${n}`, instrument: 'ID01', uid: 40_001, gid: 40_001 }
  const datasets = JSON.stringify([
    { name: 'raw', ...lies },
    { name: 'results', ...results },
  ])
  const members = accounts.map((account_id) => ({ project_id: projectId, account_id, role: 'owner' as const }))
  await db.transaction().execute(async (trx) => {
    const project = { id: projectId, name: `Proposal ${n}`, sharing: 'members' as const }
    await trx.insertInto('project').values(project).execute()
    await openBooks(trx, { kind: 'project', id: projectId })
    await trx.insertInto('project_member').values(members).execute()
    await trx
      .insertInto('experiment')
      .values({ ...visit, datasets })
      .execute()
  })
}
