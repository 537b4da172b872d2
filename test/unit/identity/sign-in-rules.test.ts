import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mayHaveAccount } from '../../../domain/sign-in.ts'
import type { FirstSignIn } from '../../../domain/sign-in.ts'
import { groupsOf, readClaims } from '../../../ports/identity/oidc/claims.ts'
import type { OidcSettings } from '../../../ports/identity/oidc/settings.ts'

const settings: OidcSettings = {
  issuer: 'https://id.example.org',
  clientId: 'carrel',
  clientSecret: null,
  clientAuthentication: 'client_secret_basic',
  scopes: ['openid'],
  claims: { name: 'name', organisation: 'home', officeLogin: 'uid', posix: 'posix' },
  emailsAreVerified: false,
  groups: null,
  isRechecked: false,
}
const read = (said: object, more: Partial<OidcSettings> = {}) =>
  readClaims({ sub: 'ada', ...said }, { ...settings, ...more }, [])

describe('what an issuer says', () => {
  test('is read under our names', () => {
    const said = {
      name: 'Ada',
      email: 'Ada@x.example',
      email_verified: true,
      home: 'Engines',
      uid: 'ada',
      posix: { uid: 7 },
    }
    expect(read(said)).toEqual({
      issuer: settings.issuer,
      subject: 'ada',
      displayName: 'Ada',
      email: 'Ada@x.example',
      emailVerified: true,
      organisation: 'Engines',
      groups: [],
      officeLogin: 'ada',
      posix: { uid: 7 },
    })
  })

  test('of an address counts where it is said to be verified, or the site says that all are', () => {
    const email = 'a@x.example'
    expect(read({ email })?.emailVerified).toBe(false)
    expect(read({ email, email_verified: 'true' })?.emailVerified).toBe(false)
    expect(read({ email }, { emailsAreVerified: true })?.emailVerified).toBe(true)
    expect(read({ email_verified: true }, { emailsAreVerified: true })).toMatchObject({
      email: null,
      emailVerified: false,
    })
  })

  test('of an address is the whole of it, or none: the beginning of a longer one is somebody else’s', () => {
    const at = (length: number) => `a@${'x'.repeat(length - 2)}`
    expect(read({ email: at(254), email_verified: true })).toMatchObject({ email: at(254), emailVerified: true })
    for (const email of [at(255), at(10_000), `${at(254)}${' '.repeat(9)}y`, 'nowhere'])
      expect(read({ email, email_verified: true })).toMatchObject({ email: null, emailVerified: false })
  })

  test('of a login is one login, from the claim that is named alone', () => {
    const nameless = { ...settings.claims, officeLogin: null }
    const other = { preferred_username: 'root', email: 'root@x.example', email_verified: true }
    expect(read(other)?.officeLogin).toBeNull()
    expect(read({ ...other, uid: 'ada' }, { claims: nameless })?.officeLogin).toBeNull()
    expect(read({ uid: ['ada'] })?.officeLogin).toBe('ada')
    for (const uid of [['ada', 'bob'], [], '', ' ada', 'a b', '../x', 'x'.repeat(129), 7, null, { a: 1 }])
      expect(read({ uid })?.officeLogin, JSON.stringify(uid)).toBeNull()
  })

  test('of a name is one line; without one there still is something to show', () => {
    expect(read({ name: 'Ada\nLovelace\u0000' })?.displayName).toBe('Ada Lovelace')
    expect(read({ given_name: 'Ada', family_name: 'L.' })?.displayName).toBe('Ada L.')
    expect(read({ preferred_username: 'al' })?.displayName).toBe('al')
    expect(read({})?.displayName).toBe('Researcher')
    expect(read({ name: 'x'.repeat(1_000) })?.displayName).toHaveLength(200)
  })

  test('whatever it is, is read or is nobody', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('sub', 'name', 'email', 'email_verified', 'uid', 'posix', 'home'), fc.anything()),
        (said) => {
          const claims = readClaims(said, settings, [])
          if (claims === null) return
          expect(claims.subject).toBe(said['sub'])
          expect(claims.displayName).toMatch(/^.{1,200}$/u)
          expect(claims.email === null || claims.email.length <= 254).toBe(true)
        },
      ),
    )
  })

  test('of groups is a list of names', () => {
    expect(groupsOf(['a', 7, 'b', null])).toEqual(['a', 'b'])
    expect(groupsOf('a')).toEqual(['a'])
    for (const none of [undefined, null, 7, { a: 1 }]) expect(groupsOf(none)).toBeNull()
  })
})

describe('who gets an account', () => {
  const ada = { email: 'ada@Physics.example.org', emailVerified: true, groups: ['beamline'] }
  const domain: FirstSignIn = { rule: 'domain', domains: ['physics.example.org'] }
  test.each<[FirstSignIn, Partial<typeof ada>, boolean, boolean]>([
    [{ rule: 'open' }, { emailVerified: false }, false, true],
    [domain, {}, false, true],
    [domain, { emailVerified: false }, false, false],
    [domain, { email: 'ada@sub.physics.example.org' }, false, false],
    [domain, { email: 'ada@notphysics.example.org' }, false, false],
    [domain, { email: 'physics.example.org@evil.example' }, false, false],
    [{ rule: 'group', groups: ['beamline'] }, {}, false, true],
    [{ rule: 'group', groups: ['beam'] }, {}, true, false],
    [{ rule: 'invitation' }, {}, true, true],
    [{ rule: 'invitation' }, {}, false, false],
    [{ rule: 'invitation' }, { emailVerified: false }, true, false],
  ])('%j of %j, invited: %s: %s', (rule, changed, isInvited, expected) => {
    expect(mayHaveAccount(rule, { ...ada, ...changed }, isInvited)).toBe(expected)
  })
})
