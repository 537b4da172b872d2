import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { composeUserOffice } from '../../../api/user-office/office.ts'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const whole = {
  issuer: 'https://office.example.org',
  passwords: { url: 'https://office.example.org/login' },
  umbrella: { url: 'https://office.example.org/hash', proxies: ['192.0.2.80/32'] },
  isAuthorized: { url: 'https://office.example.org/is_authorized', username: 'carrel', password: 'open sesame' },
}
const env = { CARREL_ENV: 'production', CARREL_PUBLIC_URL: 'https://carrel.example.org' }
const read = (office: object, more: object = {}) =>
  readConfig(['userOffice'], { ...env, CARREL_USER_OFFICE: JSON.stringify(office), ...more }).userOffice

function faults(office: object, more: object = {}): string {
  try {
    read(office, more)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.message
    throw error
  }
  return ''
}

test('without it there is no user office', () => {
  expect(readConfig(['userOffice'], env).userOffice).toBeNull()
})

test('what is said is taken, and what is not said is off, exact and closed', () => {
  expect(read(whole)).toEqual({
    ...whole,
    name: 'User office',
    caseInsensitive: false,
    firstSignIn: { rule: 'invitation' },
  })
  expect(read({ issuer: 'x' })).toMatchObject({ passwords: null, umbrella: null, isAuthorized: null })
})

test('a password may stand in a file', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'carrel-')), 'password')
  writeFileSync(file, 'from a file\n')
  const { password, ...rest } = whole.isAuthorized
  expect(read({ ...whole, isAuthorized: { ...rest, passwordFile: file } })?.isAuthorized?.password).toBe('from a file')
  expect(faults({ ...whole, isAuthorized: { ...rest, password, passwordFile: file } })).toContain('not both')
  expect(faults({ ...whole, isAuthorized: rest })).toContain('isAuthorized.password must be set')
  expect(faults({ ...whole, isAuthorized: { ...rest, passwordFile: `${file}x` } })).toContain('readable file')
})

describe('is refused', () => {
  test.each([
    [
      'without TLS',
      { ...whole, passwords: { url: 'http://office.example.org/login' } },
      {},
      'passwords.url must be https',
    ],
    ['without a public address', whole, { CARREL_PUBLIC_URL: 'http://carrel.example.org' }, 'CARREL_PUBLIC_URL'],
    ['without proxies', { ...whole, umbrella: { ...whole.umbrella, proxies: [] } }, {}, 'must name the proxies'],
    ['with a proxy that is a name', { ...whole, umbrella: { ...whole.umbrella, proxies: ['shib'] } }, {}, 'a network'],
    ['without an issuer', { ...whole, issuer: '' }, {}, 'issuer must not be empty'],
    ['with what nobody knows', { ...whole, trustXForwardedFor: true }, {}, 'CARREL_USER_OFFICE'],
  ])('%s', (_, office, more, expected) => {
    expect(faults(office, more)).toContain(expected)
    expect(faults(office, more)).not.toContain('open sesame')
  })

  test('not in development', () => {
    const plain = { ...whole, passwords: { url: 'http://127.0.0.1:1/login' } }
    expect(faults(plain, { CARREL_ENV: 'development', CARREL_PUBLIC_URL: undefined })).toBe('')
  })
})

test('it is not called as a configured issuer is, whose subjects would be its logins', () => {
  const claims = { officeLogin: null }
  const compose = (issuer: string) => composeUserOffice({ config: read(whole), issuers: [{ issuer, claims }] })
  expect(compose('https://sso.example.org')?.issuer).toBe(whole.issuer)
  expect(() => compose(whole.issuer)).toThrow(ConfigInvalid)
  expect(() => compose(whole.issuer)).toThrow(/CARREL_USER_OFFICE\.issuer must not be that of a configured issuer/)
  expect(composeUserOffice({ config: null, issuers: [{ issuer: whole.issuer, claims }] })).toBeUndefined()
})
