import { createHash, randomBytes } from 'node:crypto'
import { createTestBrowser } from '../support/oidc/test-browser.ts'
import { personCookie } from '../support/oidc/identity-provider.ts'
import type { Answer } from './api.ts'
import { callApp } from './api.ts'
import type { Api } from '../../api/app.ts'

export const form = { 'content-type': 'application/x-www-form-urlencoded' }
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const typeOf = (kind: string) => `urn:ietf:params:oauth:token-type:${kind}`

/** Sends a form; a field that is a list is there more than once. */
export async function sendForm(app: Api, path: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
  return await callApp(app, 'POST', path, { key: null, body: new URLSearchParams(fields).toString(), headers: form })
}

/** Asks to have a token exchanged. */
export const exchange = async (
  app: Api,
  token: string,
  kind: 'id_token' | 'access_token' = 'id_token',
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  await sendForm(app, '/v1/token', {
    grant_type: exchangeGrant,
    subject_token: token,
    subject_token_type: typeOf(kind),
    ...more,
  })

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
