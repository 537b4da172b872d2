import type { Api } from '../../api/app.ts'
import { createSignIn } from '../../api/sign-in/compose.ts'
import { gatesOf } from '../../api/sign-in/issuers.ts'
import type { SignInDeps } from '../../api/sign-in/issuers.ts'
import { declareGates } from '../../db/gate.ts'
import { readConfig } from '../../platform/config.ts'
import type { OidcLimits } from '../../ports/identity/oidc/settings.ts'
import { secrets, startApi } from './api.ts'
import type { TestApi } from './api.ts'
import { createTestBrowser } from '../support/oidc/test-browser.ts'
import type { TestBrowser, Visited } from '../support/oidc/test-browser.ts'

export const carrel = 'http://carrel.test'
export const done = 'https://portal.example.org/signed-in'
/** Another address that may be returned to. */
export const elsewhere = 'https://portal.example.org/account?from=carrel'
export const callbackOf = (issuer: string) => `${carrel}/v1/sign-in/${issuer}/callback`

/** Of a test provider, what a site says of it. */
export const issuerOf = (id: string, issuer: string, more: object = {}) => ({
  id,
  name: `Issuer ${id}`,
  issuer,
  clientId: 'carrel',
  clientSecret: 'a secret of the client',
  firstSignIn: { rule: 'open' },
  ...more,
})

export interface SignInSite {
  readonly api: TestApi
  readonly signIn: SignInDeps
  readonly app: Api
  /** A browser that reaches the api and whatever is on loopback. */
  browser(): TestBrowser
  close(): Promise<void>
}

interface SiteOptions {
  readonly limits?: Partial<OidcLimits>
  readonly env?: Readonly<Record<string, string>>
}

/** How people sign in with these issuers, as the configuration names them. */
export function signInOf(issuers: readonly object[], { limits = {}, env = {} }: SiteOptions = {}): SignInDeps {
  const { issuers: config } = readConfig(['issuers'], {
    CARREL_ENV: 'development',
    CARREL_ISSUERS: JSON.stringify(issuers),
    CARREL_RETURN_URLS: `${done},${elsewhere}`,
    CARREL_SIGN_IN_LIMIT_PER_MINUTE: '100000',
    ...env,
  })
  return createSignIn({ config, publicUrl: carrel, secrets, limits })
}

/** The api, with these issuers. */
export async function startSignInSite(issuers: readonly object[], options: SiteOptions = {}): Promise<SignInSite> {
  const signIn = signInOf(issuers, options)
  const api = await startApi({}, { signIn })
  await declareGates(api.db, gatesOf(signIn))
  const incoming = { socket: { remoteAddress: '192.0.2.9' } }
  const serve = async (request: Request) => await api.app.app.fetch(request, { incoming })
  return {
    api,
    signIn,
    app: api.app,
    browser: () => createTestBrowser({ [carrel]: serve }),
    close: api.close,
  }
}

/** Begins a sign-in, and goes all the way. */
export const signsIn = async (browser: TestBrowser, issuer: string): Promise<Visited> =>
  await browser.visit(`${carrel}/v1/sign-in/${issuer}`)

/** What came of it, as the page that it returns to is told. */
export const toldBy = ({ url }: Visited): string =>
  url.searchParams.get('signIn') ?? url.searchParams.get('signInError') ?? `at ${url.href}`

/** Whose the browser is to the api. */
export async function whoIs(browser: TestBrowser): Promise<{ status: number; account?: { id: string } }> {
  const answer = await browser.send('GET', `${carrel}/v1/whoami`)
  return { status: answer.status, ...((await answer.json()) as { account?: { id: string } }) }
}
