import { expect, test } from 'vitest'
import type { PosixWords } from '../../domain/posix.ts'
import { posixOfClaim, readPosix, usualPosixRule } from '../../domain/posix.ts'
import type { Directory } from '../../ports/identity/directory/directory.ts'

/** Whom a directory of these tests knows, by login. */
export const known: Readonly<Record<string, PosixWords>> = {
  ada: { user: 'ada', uid: '1815', gid: '1815', gids: ['2000', '2001'] },
  'bob.smith@example.org': { user: 'bob', uid: '1816', gid: '2000', gids: [] },
  root: { user: 'root', uid: '0', gid: '0', gids: [] },
}

/** What every directory promises. `away`: the same where it cannot be reached, or is none. */
export function describeDirectory(
  made: () => { readonly directory: Directory; readonly away: Directory; readonly twice?: string },
): void {
  test('says of a login who that is, which a site may take or not', async () => {
    const { directory } = made()
    const of = async (login: string) => {
      const answer = await directory.lookUp(login)
      return answer.kind === 'found' ? readPosix(answer.words, usualPosixRule) : answer
    }
    expect(await of('ada')).toEqual({
      kind: 'posix',
      posix: { user: 'ada', uid: 1_815, gid: 1_815, gids: expect.toSatisfy(both) },
    })
    expect(await of('bob.smith@example.org')).toMatchObject({
      kind: 'posix',
      posix: { user: 'bob', uid: 1_816, gids: [] },
    })
    expect(await of('root')).toMatchObject({ kind: 'refused' })
  })

  test.each([
    'eve',
    '',
    '*',
    'a*',
    'ada)(uid=*',
    'ada)(|(uid=*',
    '\\2a',
    'ada\u0000',
    ' ada',
    'ada,',
    '{login}',
    'x'.repeat(300),
  ])('knows nobody by %j, which is no pattern', async (login) =>
    expect(await made().directory.lookUp(login)).toEqual({ kind: 'absent' }),
  )

  test('knows nobody where it knows two', async () => {
    const { directory, twice } = made()
    if (twice === undefined) return
    expect(await directory.lookUp(twice)).toEqual({ kind: 'ambiguous' })
  })

  test('that is away says so, and never that it knows nobody', async () => {
    expect(await made().away.lookUp('ada')).toMatchObject({ kind: 'unavailable' })
  })

  test('answers many at once, each about its own', async () => {
    const { directory } = made()
    const logins = Array.from({ length: 20 }, (_, n) => ['ada', 'eve', 'bob.smith@example.org'][n % 3] ?? '')
    const answers = await Promise.all(logins.map((login) => directory.lookUp(login)))
    const users = answers.map((answer) => {
      const reading = answer.kind === 'found' ? posixOfClaim(answer.words, usualPosixRule) : null
      return reading?.kind === 'posix' ? reading.posix.user : answer.kind
    })
    const expected: Readonly<Record<string, string>> = { ada: 'ada', eve: 'absent' }
    expect(users).toEqual(logins.map((login) => expected[login] ?? 'bob'))
  })
}

const both = (gids: readonly number[]): boolean => [...gids].sort().join() === '2000,2001'
