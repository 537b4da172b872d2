import { createHash, randomBytes } from 'node:crypto'
import { personCookie } from './identity-provider.ts'
import { createTestBrowser } from './test-browser.ts'

export const form = { 'content-type': 'application/x-www-form-urlencoded' }
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const typeOf = (kind: string): string => `urn:ietf:params:oauth:token-type:${kind}`

export const portalCallback = 'https://portal.example.org/callback'
/** What a portal is to an identity provider. */
export const portalClient = (id = 'portal') => ({
  client_id: id,
  client_secret: `a secret of ${id}`,
  redirect_uris: [portalCallback],
})

/** Signs a person in at a portal, as portals do it: by a code. `resource`: what the access token is for. */
export async function signInAtPortal(
  issuer: string,
  person: string,
  { client = 'portal', resource }: { client?: string; resource?: string } = {},
): Promise<{ idToken: string; accessToken: string }> {
  const browser = createTestBrowser({})
  browser.setCookie(issuer, personCookie, person)
  const verifier = randomBytes(32).toString('base64url')
  const forWhat = resource === undefined ? {} : { resource }
  const asked = new URLSearchParams({
    client_id: client,
    response_type: 'code',
    redirect_uri: portalCallback,
    scope: 'openid profile email',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...forWhat,
  })
  const { url } = await browser.visit(`${issuer}/auth?${asked.toString()}`)
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { ...form, authorization: `Basic ${btoa(`${client}:${encodeURIComponent(`a secret of ${client}`)}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: url.searchParams.get('code') ?? '',
      redirect_uri: portalCallback,
      code_verifier: verifier,
      ...forWhat,
    }),
  })
  // A provider of ours answers both, or the test fails where it uses them.
  const { id_token: idToken = '', access_token: accessToken = '' } = (await answer.json()) as Record<string, string>
  return { idToken, accessToken }
}
