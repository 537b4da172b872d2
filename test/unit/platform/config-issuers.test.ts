import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { routes } from '../../../api/registry.ts'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'issuers-'))
afterAll(() => rmSync(directory, { recursive: true }))

const whole = {
  CARREL_PUBLIC_URL: 'https://carrel.example.org',
  CARREL_RETURN_URLS: 'https://portal.example.org/signed-in',
}
const one = { id: 'university', name: 'University', issuer: 'https://id.example.org', clientId: 'carrel' }

const read = (issuers: unknown, env: Readonly<Record<string, string>> = {}) =>
  readConfig(['issuers'], { ...whole, CARREL_ISSUERS: JSON.stringify(issuers), ...env }).issuers
function faults(issuers: unknown, env: Readonly<Record<string, string>> = {}): string[] {
  try {
    read(issuers, env)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults.map(({ key, expected }) => `${key} ${expected}`)
    throw error
  }
  return []
}

test('no issuer is called as a way in is that has an address of its own', () => {
  const beside = routes.flatMap(({ path }) => /^\/v1\/(?:sign-in|identities)\/([a-z-]+)/.exec(path)?.[1] ?? [])
  expect(beside).toEqual(expect.arrayContaining(['user-office', 'umbrella']))
  for (const id of beside)
    expect(faults([{ ...one, id }])).toEqual([`CARREL_ISSUERS[0].id must not be ${id}: that is a way in of its own`])
})

test('without issuers nothing is asked for', () => {
  expect(readConfig(['issuers'], {}).issuers).toMatchObject({
    issuers: [],
    returnUrls: [],
    limits: { idleSeconds: 8 * 3_600, absoluteSeconds: 24 * 3_600 },
    plainHttp: false,
  })
})

test('what is left out is the least that can be: nobody gets an account unasked, and no claim says a login', () => {
  expect(read([one]).issuers).toEqual([
    {
      ...one,
      clientSecret: null,
      clientAuthentication: 'client_secret_basic',
      scopes: ['openid', 'profile', 'email'],
      claims: { name: 'name', organisation: null, officeLogin: null, posix: null },
      emailsAreVerified: false,
      groups: null,
      allowedGroups: null,
      programsHoldMinutes: 15,
      exchange: null,
      firstSignIn: { rule: 'invitation' },
    },
  ])
})

describe('a preset', () => {
  test.each([
    ['surfconext', {}, { issuer: 'https://connect.surfconext.nl', scopes: ['openid'] }],
    [
      'keycloak',
      { issuer: 'https://sso.example.org/realms/site' },
      { issuer: 'https://sso.example.org/realms/site', groups: { source: 'claim', claim: 'groups' } },
    ],
    ['globus', {}, { issuer: 'https://auth.globus.org', groups: { source: 'globus' } }],
  ])('%s', (preset, more, made) => {
    expect(read([{ ...one, issuer: undefined, preset, ...more }]).issuers[0]).toMatchObject(made)
  })
  test('gives way to what the site says', () => {
    const made = read([{ ...one, preset: 'globus', scopes: ['openid'], groups: { claim: 'g' } }]).issuers[0]
    expect(made).toMatchObject({ issuer: one.issuer, scopes: ['openid'], groups: { source: 'claim', claim: 'g' } })
  })
})

test('a secret may stand in a file of its own', () => {
  const file = join(directory, 'secret')
  writeFileSync(file, 'open sesame\n')
  expect(read([{ ...one, clientSecretFile: file }]).issuers[0]?.clientSecret).toBe('open sesame')
  expect(faults([{ ...one, clientSecretFile: join(directory, 'absent') }])).toEqual([
    'CARREL_ISSUERS[0].clientSecretFile must name a readable file that holds the secret alone',
  ])
})

describe('refused is', () => {
  test.each<[string, unknown, Readonly<Record<string, string>>, string]>([
    ['an issuer without TLS', [{ ...one, issuer: 'http://id.example.org' }], {}, '[0].issuer must be https'],
    ['none', [{ ...one, issuer: undefined, preset: 'keycloak' }], {}, '[0].issuer is required'],
    [
      'a login of an issuer that does not decide it',
      [{ ...one, login: { claim: 'uid', authoritative: false } }],
      {},
      '[0].login.authoritative must be true',
    ],
    [
      'a login of which nobody says that',
      [{ ...one, login: { claim: 'uid' } }],
      {},
      '[0].login.authoritative must be true',
    ],
    ['a gate without a place to look', [{ ...one, allowedGroups: ['a'] }], {}, '[0].groups is required'],
    [
      'a rule by groups without a place to look',
      [{ ...one, firstSignIn: { rule: 'group', groups: ['a'] } }],
      {},
      '[0].groups is required',
    ],
    ['scopes that ask for nobody', [{ ...one, scopes: ['email'] }], {}, '[0].scopes must include openid'],
    ['a misspelt key', [{ ...one, clientSecrets: 'x' }], {}, '[0]'],
    ['one id twice', [one, { ...one, issuer: 'https://other.example.org' }], {}, ' must name each id once'],
    ['one issuer twice', [one, { ...one, id: 'other' }], {}, ' must name each issuer once'],
  ])('%s', (_what, issuers, env, expected) => {
    expect(faults(issuers, env).join('\n')).toContain(`CARREL_ISSUERS${expected}`)
  })
  test.each([
    'https://portal.example.org',
    'https://portal.example.org/#x',
    'https://a:b@portal.example.org/',
    'portal',
    '/x',
    'javascript:alert(1)',
  ])('to return to %s', (url) => {
    expect(faults([one], { CARREL_RETURN_URLS: url }).join('\n')).toContain('CARREL_RETURN_URLS')
  })
  test('nowhere to return to, or to come back to', () => {
    expect(faults([one], { CARREL_RETURN_URLS: '', CARREL_PUBLIC_URL: 'http://carrel.example.org' })).toEqual([
      'CARREL_RETURN_URLS is required where there are issuers: where people go once they are signed in',
      'CARREL_PUBLIC_URL is required as https where there are issuers: browsers come back there',
    ])
  })
  test('both a file and the variable', () => {
    const file = join(directory, 'issuers.json')
    writeFileSync(file, JSON.stringify([one]))
    expect(faults([one], { CARREL_ISSUERS_FILE: file }).join('\n')).toContain('must not be set together')
    expect(readConfig(['issuers'], { ...whole, CARREL_ISSUERS_FILE: file }).issuers.issuers).toHaveLength(1)
  })
})

test('no fault tells a secret', () => {
  const told = faults([{ ...one, clientSecret: 'open sesame', clientSecretFile: 'x', issuer: 'http://a:b@c' }])
  expect(told.length).toBeGreaterThan(0)
  expect(told.join('\n')).not.toMatch(/sesame|a:b/)
})
