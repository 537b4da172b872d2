import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'carrel-config-'))
  await writeFile(join(place, 'password'), 'from a file\n')
  await writeFile(join(place, 'empty'), '\n')
})
afterAll(async () => await rm(place, { recursive: true, force: true }))

const read = (ldap: object | null, more: Record<string, string> = {}) =>
  readConfig(['posix'], { ...(ldap === null ? {} : { CARREL_POSIX_LDAP: JSON.stringify(ldap) }), ...more }).posix
const faultsOf = (ldap: object | null, more: Record<string, string> = {}): string[] => {
  try {
    read(ldap, more)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.faults.map((fault) => fault.key)
  }
}
const directory = { url: 'ldaps://ldap.example.org', base: 'ou=people,dc=example,dc=org' }

test('without anything named people have numbers from 1000 on, and no directory is asked', () => {
  expect(read(null)).toEqual({ rule: { minimumUid: 1_000, minimumGid: 1_000 }, csvFile: null, ldap: null })
})

test('a directory needs an address and a place; all else is usual', () => {
  expect(read(directory).ldap).toEqual({
    url: 'ldaps://ldap.example.org',
    startTls: false,
    ca: null,
    bind: null,
    people: {
      base: directory.base,
      filter: '(&(objectClass=posixAccount)(uid={login}))',
      user: 'uid',
      uid: 'uidNumber',
      gid: 'gidNumber',
    },
    groups: null,
    timeoutMs: 5_000,
  })
  const plain = { ...directory, url: 'ldap://ldap.example.org', groups: { base: 'ou=groups' } }
  expect(read(plain).ldap).toMatchObject({ startTls: true, groups: { gid: 'gidNumber' } })
  const bound = { ...directory, bindDn: 'cn=carrel', bindPasswordFile: join(place, 'password') }
  expect(read(bound).ldap?.bind).toEqual({ dn: 'cn=carrel', password: 'from a file' })
})

test.each<[string, object | null, Record<string, string>, string[]]>([
  ['root', null, { CARREL_POSIX_MINIMUM_UID: '0' }, ['CARREL_POSIX_MINIMUM_UID']],
  ['no number', null, { CARREL_POSIX_MINIMUM_GID: '1e3' }, ['CARREL_POSIX_MINIMUM_GID']],
  ['another address', { ...directory, url: 'https://x' }, {}, ['CARREL_POSIX_LDAP.url']],
  ['plain words', { ...directory, url: 'ldap://x', startTls: false }, {}, ['CARREL_POSIX_LDAP.startTls']],
  ['a filter for everybody', { ...directory, filter: '(uid=*)' }, {}, ['CARREL_POSIX_LDAP.filter']],
  ['half a bind', { ...directory, bindDn: 'cn=carrel' }, {}, ['CARREL_POSIX_LDAP.bindDn']],
  ['a password of nobody', { ...directory, bindPassword: 'x' }, {}, ['CARREL_POSIX_LDAP.bindDn']],
  ['a misspelt field', { ...directory, uidattribute: 'x' }, {}, ['CARREL_POSIX_LDAP']],
])('%s is refused', (_, ldap, more, keys) => expect(faultsOf(ldap, more)).toEqual(keys))

test('a file that is not there, or holds nothing, is refused, and a plain directory is for development', () => {
  for (const name of ['none', 'empty'])
    expect(faultsOf({ ...directory, bindDn: 'cn=x', bindPasswordFile: join(place, name) })).toContain(
      'CARREL_POSIX_LDAP.bindPasswordFile',
    )
  expect(faultsOf({ ...directory, caFile: join(place, 'none') })).toEqual(['CARREL_POSIX_LDAP.caFile'])
  const plain = { ...directory, url: 'ldap://127.0.0.1', startTls: false }
  expect(faultsOf(plain, { CARREL_ENV: 'development' })).toEqual([])
})
