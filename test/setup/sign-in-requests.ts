import { openBrowserSession } from '../../db/browser-sessions.ts'
import type { SignInDeps } from '../../api/sign-in/issuers.ts'
import { usualSessionLimits } from '../../domain/sign-in.ts'
import type { Ask, Person, TestApi } from './api.ts'

/** An issuer that knows nobody, whose every logout token is a new one, and every other token somebody's. */
export const plainSignIn: SignInDeps = {
  issuers: [
    {
      id: 'university',
      name: 'University',
      allowedGroups: null,
      firstSignIn: { rule: 'open' },
      provider: {
        issuer: 'https://issuer.example.org',
        begin: async () => ({ kind: 'begun', url: 'https://issuer.example.org/authorize' }),
        finish: async () => ({ kind: 'invalid', detail: 'nobody' }),
        recheck: async () => ({ kind: 'over', detail: 'nobody' }),
        signOutUrl: async () => null,
        readLogout: async (token) => ({
          kind: 'logout',
          jti: token,
          sid: null,
          subject: 'nobody',
          expiresAt: new Date(Date.now() + 60_000),
        }),
        readSubject: async (token) => ({
          kind: 'read',
          claims: {
            issuer: 'https://issuer.example.org',
            subject: token.slice(-20),
            displayName: 'Somebody',
            email: null,
            emailVerified: false,
            organisation: null,
            groups: null,
            officeLogin: null,
            posix: null,
          },
          issuedAt: new Date(),
          expiresAt: new Date(Date.now() + 60_000),
        }),
      },
    },
  ],
  returnUrls: ['https://portal.example.org/signed-in'],
  limits: usualSessionLimits,
  perMinute: 100_000,
  tokensPerMinute: 100_000,
  deviceTokenDays: 30,
  origin: 'http://carrel.test',
  addressOf: () => '192.0.2.1',
  sealTokens: () => Buffer.alloc(0),
  openTokens: () => '',
}

let tokens = 0
/** Of a program that has just begun. */
const deviceCode = async (api: TestApi): Promise<string> => {
  const ask = { body: 'client_id=carrel-cli', headers: form }
  return String((await api.call('POST', '/v1/device-authorizations', ask)).body['user_code'])
}
const form = { 'content-type': 'application/x-www-form-urlencoded' }

/** Of each operation of signing in, a request that nothing but rights would refuse. */
export const signInRequests = (api: () => TestApi, owner: () => Person) => ({
  beginSignIn: () => ({ path: '/v1/sign-in/university' }),
  completeSignIn: () => ({ path: '/v1/sign-in/university/callback' }),
  endSignInsByIssuer: (): { path: string; ask: Ask } => ({
    path: '/v1/sign-in/university/back-channel-logout',
    ask: { body: `logout_token=${(tokens += 1)}`, headers: form },
  }),
  requestToken: (): { path: string; ask: Ask } => ({
    path: '/v1/token',
    ask: {
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: `.${Buffer.from('{"iss":"https://issuer.example.org"}').toString('base64url')}.${(tokens += 1)}`,
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      }).toString(),
      headers: form,
    },
  }),
  beginDeviceAuthorization: (): { path: string; ask: Ask } => ({
    path: '/v1/device-authorizations',
    ask: { body: 'client_id=carrel-cli', headers: form },
  }),
  getDeviceAuthorization: async () => ({ path: `/v1/device-authorizations/${await deviceCode(api())}` }),
  approveDeviceAuthorization: async () => ({
    path: `/v1/device-authorizations/${await deviceCode(api())}/approve`,
    ask: { body: {} },
  }),
  denyDeviceAuthorization: async () => ({ path: `/v1/device-authorizations/${await deviceCode(api())}/deny` }),
  vouchForAccount: (): { path: string; ask: Ask } => ({
    path: '/v1/vouched-accounts',
    ask: { body: { subject: `person-${(tokens += 1)}`, displayName: 'Somebody' } },
  }),
  signOut: () => ({ path: '/v1/sign-out', ask: { body: {} } }),
  linkOwnIdentity: () => ({ path: '/v1/identities', ask: { body: { issuer: 'university' } } }),
  revokeBrowserSession: async () => {
    const whose = { accountId: owner().id, issuer: 'https://issuer.example.org', subject: 'ada' }
    const { id } = await api()
      .db.transaction()
      .execute((trx) => openBrowserSession(trx, { ...whose, limits: usualSessionLimits }))
    return { path: `/v1/browser-sessions/${id}` }
  },
})
