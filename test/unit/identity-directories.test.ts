import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPosixSources } from '../../api/accounts/posix-sources.ts'
import { usualPosixRule } from '../../domain/posix.ts'
import { createCsvDirectory } from '../../ports/identity/directory/csv.ts'
import { createFakeDirectory } from '../../ports/identity/directory/fake.ts'
import { createLdapDirectory } from '../../ports/identity/directory/ldap.ts'
import { describeDirectory, known } from '../conformance/directory.ts'

let place: string
const file = () => join(place, 'users.csv')
const header = 'login,user,uid,gid,gids'
const lines = [
  header,
  'ada,ada,1815,1815,2000 2001',
  '"bob.smith@example.org",bob,1816,2000,',
  'root,root,0,0,',
  'twin,twin1,1900,1900,',
  'twin,twin2,1901,1901,',
]

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'carrel-directory-'))
  await writeFile(file(), `${lines.join('\n')}\n`)
})
afterAll(async () => await rm(place, { recursive: true, force: true }))

describe('a fake directory', () => {
  const away = createFakeDirectory()
  away.set(null)
  describeDirectory(() => ({ directory: createFakeDirectory(known), away }))
})

describe('a file', () => {
  describeDirectory(() => ({
    directory: createCsvDirectory({ file: file() }),
    away: createCsvDirectory({ file: join(place, 'none.csv') }),
    twice: 'twin',
  }))

  test('is read again when it has changed; one that is being written, or has other columns, is none', async () => {
    const changing = join(place, 'changing.csv')
    const directory = createCsvDirectory({ file: changing })
    const about = async (text: string) => {
      await writeFile(changing, text)
      return (await directory.lookUp('eve')).kind
    }
    expect(await about(`${header}\n`)).toBe('absent')
    expect(await about(`${header}\neve,eve,1700,1700,\n`)).toBe('found')
    expect(await about(`${header}\neve,eve,1700,1`)).toBe('unavailable')
    expect(await about('login,user,uid\neve,eve,1700\n')).toBe('unavailable')
    expect(await about('')).toBe('unavailable')
    expect(await about(`\uFEFF${header.toUpperCase()}\r\neve,eve,1700,1700,\r\n`)).toBe('found')
  })
})

describe('an LDAP server that is none', () => {
  const servers: Server[] = []
  const sockets: Socket[] = []
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  })

  async function serving(each: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      each(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    return `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const asking = (url: string, timeoutMs = 1_000) =>
    createLdapDirectory({
      url,
      startTls: false,
      ca: null,
      bind: null,
      people: { base: 'dc=x', filter: '(uid={login})', user: 'uid', uid: 'uidNumber', gid: 'gidNumber' },
      groups: null,
      timeoutMs,
    })

  test.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => undefined],
    ['hangs up', (socket) => socket.destroy()],
    [
      'speaks something else',
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    [
      'never ends one answer',
      (socket) => {
        // A sequence of 2 GiB: whoever waits for its end holds all of it.
        socket.write(Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]))
        const more = () => void (socket.destroyed || socket.write(Buffer.alloc(64 * 1024), () => setImmediate(more)))
        more()
      },
    ],
  ])('and %s is away, in time', async (_, each) => {
    const since = performance.now()
    expect(await asking(await serving(each)).lookUp('ada')).toMatchObject({ kind: 'unavailable' })
    expect(performance.now() - since).toBeLessThan(10_000)
  })

  test('and where nobody listens, it is away', async () => {
    expect(await asking('ldap://127.0.0.1:1').lookUp('ada')).toMatchObject({ kind: 'unavailable' })
  })
})

test('a directory that did not answer is left alone for a while, and an issuer that is not asked says nothing', async () => {
  let time = 0
  let asked = 0
  const away = { lookUp: async () => ((asked += 1), { kind: 'unavailable' as const, detail: 'It is away.' }) }
  const warned: string[] = []
  const sources = createPosixSources({
    rule: usualPosixRule,
    directories: { ldap: away, csv: createFakeDirectory(known) },
    log: { warn: (fields) => void warned.push(JSON.stringify(fields)) },
    now: () => time,
  })
  const found = async (claim?: { value: unknown }) =>
    (await sources.find({ claim, officeLogin: 'ada' })).map(({ source, reading }) => `${source} ${reading.kind}`)
  expect(await found()).toEqual(['csv posix'])
  expect(await found({ value: null })).toEqual(['claim none', 'csv posix'])
  expect([asked, warned.length]).toEqual([1, 1])
  time = 31_000
  expect(await found({ value: { uid: 0 } })).toEqual(['claim refused', 'csv posix'])
  expect(asked).toBe(2)
  expect(await sources.find({ claim: undefined, officeLogin: null })).toEqual([])
})
