import { createHmac } from 'node:crypto'
import { exportSPKI, importJWK } from 'jose'
import type { JWK, JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exchange, idTokenOf } from '../../setup/portals.ts'
import { issuerOf, startSignInSite } from '../../setup/sign-in.ts'
import type { SignInSite } from '../../setup/sign-in.ts'
import { startHostileProvider } from '../../support/oidc/hostile-provider.ts'
import type { HostileProvider } from '../../support/oidc/hostile-provider.ts'

let made: HostileProvider
let other: HostileProvider
let site: SignInSite
beforeAll(async () => {
  made = await startHostileProvider()
  other = await startHostileProvider()
  site = await startSignInSite([
    issuerOf('made', made.issuer, { exchange: { clients: ['portal'], audiences: ['https://carrel.example.org/api'] } }),
    issuerOf('shut', other.issuer),
  ])
})
afterAll(async () => {
  await site.close()
  await Promise.all([made.close(), other.close()])
})

const now = () => Math.floor(Date.now() / 1_000)
const idToken = (changed: Readonly<Record<string, unknown>> = {}) => idTokenOf(made.issuer, changed)
const send = async (token: string) => await exchange(site.app, token)

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const withPublicKey = async (claims: JWTPayload): Promise<string> => {
  const { keys } = (await (await fetch(`${made.issuer}/jwks`)).json()) as { keys: JWK[] }
  const key = await importJWK(keys[0] ?? {}, 'RS256', { extractable: true })
  const pem = key instanceof Uint8Array ? '' : await exportSPKI(key)
  const text = `${part({ alg: 'HS256', kid: keys[0]?.kid })}.${part(claims)}`
  return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
}
const signed = (changed: Readonly<Record<string, unknown>>, header?: Record<string, string>) => async () =>
  await made.sign(idToken(changed), header)
/** Seconds from the moment that it is made: the tests are named long before they run. */
const timed = (changed: { readonly exp?: number; readonly nbf?: number; readonly iat?: number }) => async () =>
  await made.sign(idToken(Object.fromEntries(Object.entries(changed).map(([claim, s]) => [claim, now() + s]))))

describe('a token that is made', () => {
  const taken: readonly (readonly [string, () => Promise<string>])[] = [
    ['says what it should', signed({})],
    ['is over by less than clocks differ', timed({ exp: -5 })],
    ['begins later by less than clocks differ', timed({ nbf: 20 })],
    ['is for several, of whom the portal asked', signed({ aud: ['portal', 'more'], azp: 'portal' })],
  ]
  test.each(taken)('is taken: it %s', async (_what, make) => {
    const answer = await send(await make())
    expect([answer.status, answer.body['error']]).toEqual([200, undefined])
  })

  const hostile: readonly (readonly [string, () => Promise<string>])[] = [
    ['is for another', signed({ aud: 'another' })],
    ['is for nobody', signed({ aud: undefined })],
    ['is for several, of whom another asked', signed({ aud: ['portal', 'another'], azp: 'another' })],
    ['is for several and does not say who asked', signed({ aud: ['portal', 'another'] })],
    ['is over', timed({ exp: -300 })],
    ['never ends', signed({ exp: undefined })],
    ['begins later', timed({ nbf: 300 })],
    ['is from the future', timed({ iat: 300 })],
    ['names nobody', signed({ sub: '' })],
    ['names somebody unspeakable', signed({ sub: 'eve\u0000' })],
    ['is a notice of a logout', signed({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })],
    ['is an access token', signed({}, { typ: 'at+jwt' })],
    ['says that it is an access token', signed({ typ: 'Bearer' })],
    ['is not signed', async () => `${part({ alg: 'none' })}.${part(idToken())}.`],
    ['is signed with the public key as a secret', async () => await withPublicKey(idToken())],
    ['is signed by another issuer', async () => await other.sign(idToken(), { kid: 'first' })],
    ['is of an issuer that nobody knows', signed({ iss: 'https://unknown.example.org' })],
    ['calls its issuer by a slash more', async () => await made.sign(idToken({ iss: `${made.issuer}/` }))],
    ['is of an issuer of which none are taken', async () => await other.sign({ ...idToken(), iss: other.issuer })],
    ['brings its own key', async () => await other.sign(idToken(), { jku: `${other.issuer}/jwks` })],
    ['is no token', async () => 'x'.repeat(200)],
    ['is too long', async () => 'x'.repeat(20_000)],
  ]
  test.each(hostile)('is refused: it %s', async (_what, make) => {
    const answer = await send(await make())
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request'])
    expect(answer.body['access_token']).toBeUndefined()
  })

  test('nothing of all that is in the log, nor the tokens that were given', async () => {
    const token = await made.sign(idToken({ sub: 'quiet' }))
    const answer = await send(token)
    const text = site.api.logged.join('\n')
    expect(text).toContain('requestToken')
    for (const secret of [token, token.split('.')[2] ?? '', String(answer.body['access_token'])])
      expect(text).not.toContain(secret)
  })
})
