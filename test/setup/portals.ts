import { exchangeGrant, form, typeOf } from '../support/oidc/portal.ts'
import type { JWTPayload } from 'jose'
import type { Answer } from './api.ts'
import { callApp } from './api.ts'
import type { Api } from '../../api/app.ts'

export { exchangeGrant, portalCallback, portalClient, signInAtPortal } from '../support/oidc/portal.ts'
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

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

/** What an issuer says of a person in an ID token for a portal; `undefined`: it is left out. */
export function idTokenOf(issuer: string, changed: Readonly<Record<string, unknown>> = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1_000)
  return { iss: issuer, sub: 'eve', aud: 'portal', iat: now, exp: now + 3_600, name: 'Eve', ...changed }
}
