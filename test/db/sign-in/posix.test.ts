import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPosixSources } from '../../../api/accounts/posix-sources.ts'
import { usualPosixRule } from '../../../domain/posix.ts'
import { createFakeDirectory } from '../../../ports/identity/directory/fake.ts'
import { startApi } from '../../setup/api.ts'
import type { TestApi } from '../../setup/api.ts'
import { callbackOf, carrel, issuerOf, signInOf, signsIn, toldBy } from '../../setup/sign-in.ts'
import { startIdentityProvider } from '../../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../../support/oidc/identity-provider.ts'
import { createTestBrowser } from '../../support/oidc/test-browser.ts'

const claimed = { user: 'ada', uid: 1_815, gid: 1_815, gids: [2_000] }
const accounts: Record<string, Record<string, unknown>> = {
  ada: { name: 'Ada', uid: 'alovelace', posix: claimed },
  bob: { name: 'Bob', uid: 'bsmith' },
  mallory: { name: 'Mallory', uid: 'mallory', posix: { user: 'mallory', uid: 0, gid: 1_000, gids: [] } },
  twin: { name: 'Twin', uid: 'twin', posix: claimed },
}

let provider: TestIdentityProvider
let api: TestApi
const directory = createFakeDirectory()
const warned: string[] = []

beforeAll(async () => {
  provider = await startIdentityProvider({
    accounts,
    extraClaims: ['uid', 'posix'],
    clients: [
      {
        client_id: 'carrel',
        client_secret: 'a secret of the client',
        redirect_uris: ['university'].map(callbackOf),
      },
    ],
  })
  const login = { claim: 'uid', authoritative: true }
  const signIn = signInOf([issuerOf('university', provider.issuer, { login, posixClaim: 'posix' })])
  const posixSources = createPosixSources({
    rule: usualPosixRule,
    directories: { ldap: directory },
    log: { warn: (fields) => void warned.push(JSON.stringify(fields)) },
  })
  api = await startApi({}, { signIn, posixSources })
})
afterAll(async () => {
  await api.close()
  await provider.close()
})

async function comesIn(person: string): Promise<void> {
  provider.signsIn(person)
  const incoming = { socket: { remoteAddress: '192.0.2.9' } }
  const browser = createTestBrowser({
    [carrel]: async (request: Request) => await api.app.app.fetch(request, { incoming }),
  })
  expect(toldBy(await signsIn(browser, 'university'))).toBe('done')
}
const posixOf = async (person: string) =>
  await api.db
    .selectFrom('identity as i')
    .innerJoin('account as a', 'a.id', 'i.account_id')
    .select(['a.posix', 'a.posix_source'])
    .where('i.subject', '=', person)
    .executeTakeFirstOrThrow()

test('a claim says who somebody is, at each sign-in anew', async () => {
  await comesIn('ada')
  expect(await posixOf('ada')).toEqual({ posix: claimed, posix_source: 'claim' })
  const { posix, ...without } = accounts['ada'] ?? {}
  accounts['ada'] = without
  await comesIn('ada')
  expect(await posixOf('ada')).toEqual({ posix: null, posix_source: null })
  accounts['ada'] = { ...without, posix }
  await comesIn('ada')
  expect(await posixOf('ada')).toEqual({ posix: claimed, posix_source: 'claim' })
})

test('a directory says it of a login, takes it back, and keeps nobody out while it is away', async () => {
  directory.set({ bsmith: { user: 'bob', uid: '1816', gid: '1816', gids: ['2000'] } })
  await comesIn('bob')
  expect(await posixOf('bob')).toMatchObject({ posix: { user: 'bob', uid: 1_816 }, posix_source: 'ldap' })
  directory.set({})
  await comesIn('bob')
  expect(await posixOf('bob')).toEqual({ posix: null, posix_source: null })
  directory.set(null)
  await comesIn('bob')
  expect(warned.join('\n')).toContain('It is away.')
})

test('root is nobody, and one user is one account: both come in, as nobody to file systems', async () => {
  await comesIn('mallory')
  await comesIn('twin')
  for (const person of ['mallory', 'twin']) expect((await posixOf(person)).posix).toBeNull()
  expect(warned.filter((line) => line.includes('uid'))).toHaveLength(2)
  // Operators are told which member it is, and not whose numbers they are.
  expect(warned.join('\n')).not.toContain('1815')
})
