import type { UserOfficeDeps } from '../../api/user-office/office.ts'
import type { Ask } from './api.ts'
import { plainSignIn } from './sign-in-requests.ts'

/** A user office that knows everybody by whatever is said, and has nothing against anybody. */
export const plainUserOffice: UserOfficeDeps = {
  issuer: 'https://office.example.org',
  name: 'User office',
  office: {
    byPassword: async () => ({ kind: 'known', officeLogin: 'ada' }),
    byHash: async () => ({ kind: 'known', officeLogin: 'ada' }),
    mayUseResources: null,
  },
  firstSignIn: { rule: 'open' },
  isProxy: () => true,
  triesPerName: 100_000,
  refusalMs: 1,
  ownResources: null,
}

const headers = { origin: plainSignIn.origin, eaahash: 'c0ffee00c0ffee00' }

/** Of each way in that the user office gives, a request that nothing but rights would refuse. */
export const userOfficeRequests = {
  signInByPassword: (): { path: string; ask: Ask } => ({
    path: '/v1/sign-in/user-office',
    ask: { body: { username: 'ada', password: 'x' }, headers },
  }),
  signInByFederation: (): { path: string; ask: Ask } => ({
    path: '/v1/sign-in/umbrella',
    ask: { body: {}, headers },
  }),
  linkOwnIdentityByPassword: (): { path: string; ask: Ask } => ({
    path: '/v1/identities/user-office',
    ask: { body: { username: 'ada', password: 'x' }, headers },
  }),
  linkOwnIdentityByFederation: (): { path: string; ask: Ask } => ({
    path: '/v1/identities/umbrella',
    ask: { body: {}, headers },
  }),
}
