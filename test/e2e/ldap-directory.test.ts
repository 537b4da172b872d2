import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPosix, usualPosixRule } from '../../domain/posix.ts'
import { createLdapDirectory } from '../../ports/identity/directory/ldap.ts'
import type { LdapSettings } from '../../ports/identity/directory/ldap.ts'
import { describeDirectory } from '../conformance/directory.ts'
import { startSlapd, suffix } from '../support/slapd/start.ts'
import type { LdapEntry, Slapd } from '../support/slapd/start.ts'

const person = (uid: string | string[], number: string, gid: string, unit = 'people'): LdapEntry => {
  const [first = ''] = [uid].flat()
  return [
    `cn=${first} ${number},ou=${unit}`,
    {
      objectClass: ['inetOrgPerson', 'posixAccount'],
      cn: `${first} ${number}`,
      sn: first,
      uid,
      uidNumber: number,
      gidNumber: gid,
      homeDirectory: `/home/${first}`,
    },
  ]
}
const group = (name: string, gid: string, members: string[]): LdapEntry => [
  `cn=${name},ou=groups`,
  { objectClass: 'posixGroup', cn: name, gidNumber: gid, memberUid: members },
]

let slapd: Slapd
beforeAll(async () => {
  slapd = await startSlapd([
    person('ada', '1815', '1815'),
    // The login at the site is one of its names, and the name that systems know the other.
    person(['bob', 'bob.smith@example.org'], '1816', '2000'),
    person('root', '0', '0'),
    person('twin', '1900', '1900'),
    person('twin', '1901', '1901'),
    person('joiner', '1950', '1950'),
    ['cn=eve-2,ou=people', { objectClass: 'inetOrgPerson', cn: 'eve-2', sn: 'eve', uid: 'eve-2' }],
    group('engines', '2000', ['ada', 'bob']),
    group('poets', '2001', ['ada']),
    group('wheel', '10', ['root']),
    ...Array.from({ length: 260 }, (_, n) => group(`g${n}`, `${3_000 + n}`, ['joiner'])),
  ])
})
afterAll(async () => await slapd.stop())

const settings = (change: Partial<LdapSettings> = {}): LdapSettings => ({
  url: slapd.secureUrl,
  startTls: false,
  ca: slapd.ca,
  bind: slapd.root,
  people: {
    base: `ou=people,${suffix}`,
    filter: '(&(objectClass=posixAccount)(uid={login}))',
    user: 'uid',
    uid: 'uidNumber',
    gid: 'gidNumber',
  },
  groups: { base: `ou=groups,${suffix}`, filter: '(&(objectClass=posixGroup)(memberUid={user}))', gid: 'gidNumber' },
  timeoutMs: 10_000,
  ...change,
})
const asking = (change: Partial<LdapSettings> = {}) => createLdapDirectory(settings(change))

describe('a real LDAP directory, by ldaps', () => {
  describeDirectory(() => ({
    // Of somebody with two names that systems might know, none is made up: the site's filter asks for what is one.
    directory: {
      lookUp: async (login) => {
        const answer = await asking().lookUp(login)
        return answer.kind === 'found' && login.startsWith('bob')
          ? { kind: 'found', words: { ...answer.words, user: 'bob', gids: [] } }
          : answer
      },
    },
    away: asking({ url: 'ldaps://127.0.0.1:1' }),
    twice: 'twin',
  }))

  test('by TLS from a plain connection, and without groups', async () => {
    const directory = asking({ url: slapd.plainUrl, startTls: true, groups: null })
    expect(await directory.lookUp('ada')).toMatchObject({
      kind: 'found',
      words: { user: 'ada', uid: '1815', gids: [] },
    })
  })

  test('whoever is in more groups than anybody may be is refused, and not in some of them', async () => {
    const answer = await asking().lookUp('joiner')
    const reading = answer.kind === 'found' ? readPosix(answer.words, usualPosixRule) : answer
    expect(reading).toMatchObject({ kind: 'refused', faults: [{ field: 'gids' }] })
  })

  test('whoever has no number is nobody to file systems', async () => {
    const people = { ...settings().people, filter: '(uid={login})' }
    const answer = await asking({ people }).lookUp('eve-2')
    expect(answer.kind === 'found' ? readPosix(answer.words, usualPosixRule) : answer).toEqual({ kind: 'none' })
  })
})

test.each<[string, () => Partial<LdapSettings>, RegExp]>([
  ['a certificate of somebody unknown', () => ({ ca: null }), /certificate|self-signed|issuer/i],
  [
    'the same, from a plain connection',
    () => ({ url: slapd.plainUrl, startTls: true, ca: null }),
    /certificate|self-signed|issuer/i,
  ],
  ['a wrong password', () => ({ bind: { ...slapd.root, password: 'wrong' } }), /refuses whoever asks/],
  [
    'a place that is not there',
    () => ({ people: { ...settings().people, base: 'ou=nobody,dc=example,dc=org' } }),
    /NoSuchObject/,
  ],
  ['a filter that is none', () => ({ people: { ...settings().people, filter: '(uid={login}' } }), /./],
])('%s is no answer, and nothing secret is told of it', async (_, change, detail) => {
  const answer = await asking(change()).lookUp('ada')
  expect(answer).toMatchObject({ kind: 'unavailable', detail: expect.stringMatching(detail) })
  expect(JSON.stringify(answer)).not.toMatch(/a password of the directory|wrong/)
})

test('one that hangs is waited for no longer than its time, and asked again as if nothing had been', async () => {
  slapd.freeze()
  try {
    const answer = await asking({ timeoutMs: 300 }).lookUp('ada')
    expect(answer).toMatchObject({ kind: 'unavailable', detail: expect.stringMatching(/300 ms|imeout/) })
  } finally {
    slapd.thaw()
  }
  expect(await asking().lookUp('ada')).toMatchObject({ kind: 'found' })
})

test('whoever may not read anything finds nobody: a directory without a bind must say so', async () => {
  // As nobody, this one hides even the place: that is no answer about Ada.
  expect(await asking({ bind: null }).lookUp('ada')).toMatchObject({ kind: 'unavailable' })
})
