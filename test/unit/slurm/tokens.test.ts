import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NoToken, SlurmFailure } from '../../../ports/compute/slurm/failure.ts'
import { slurmApiSettings, slurmSecretFields, slurmSettings } from '../../../ports/compute/slurm/settings.ts'
import { createTokens } from '../../../ports/compute/slurm/tokens.ts'

const key = Buffer.alloc(32, 7)
const url = 'http://127.0.0.1:6820'
let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'carrel-tokens-'))
})
afterAll(async () => await rm(directory, { recursive: true, force: true }))

const until = async (exp: number) =>
  await new SignJWT({ sun: 'slurm' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(exp).sign(key)
const seconds = (ms: number) => Math.floor(ms / 1_000)

describe('tokens that Carrel signs', () => {
  let clock = Date.now()
  const settings = slurmSettings.parse({
    url,
    auth: 'key',
    key: key.toString('base64'),
    user: 'reader',
    tokenSeconds: 600,
  })
  const tokens = createTokens(settings, () => clock)

  test('say whose they are and until when, as Slurm reads it', async () => {
    const { user, token } = await tokens.as('alice')
    expect(user).toBe('alice')
    const { payload, protectedHeader } = await jwtVerify(token, key)
    expect(protectedHeader.alg).toBe('HS256')
    expect(payload).toEqual({ sun: 'alice', iat: seconds(clock), exp: seconds(clock) + 600 })
    expect(decodeJwt((await tokens.reader()).token)).toMatchObject({ sun: 'reader' })
  })

  test('are used for half of their time', async () => {
    const { token } = await tokens.as('alice')
    clock += 299_000
    expect((await tokens.as('alice')).token).toBe(token)
    clock += 2_000
    expect((await tokens.as('alice')).token).not.toBe(token)
  })

  test('are signed by the key as it is by then: a site changes it', async () => {
    const keyFile = join(directory, 'key')
    const reading = createTokens(slurmSettings.parse({ url, auth: 'key', keyFile, user: 'reader' }), () => clock)
    await expect(reading.as('alice')).rejects.toThrow('the key file cannot be read')
    await writeFile(keyFile, key)
    expect((await jwtVerify((await reading.as('alice')).token, key)).payload['sun']).toBe('alice')
    const next = Buffer.alloc(32, 8)
    await writeFile(keyFile, next)
    clock += 301_000
    const { token } = await reading.as('alice')
    expect((await jwtVerify(token, next, { currentDate: new Date(clock) })).payload['sun']).toBe('alice')
  })

  test.each(['root', 'slurm', 'nobody', 'a b', ''])('are never made for %j', async (user) => {
    await expect(tokens.as(user)).rejects.toThrow(SlurmFailure)
  })
})

describe('a token from a file', () => {
  const tokenFile = () => join(directory, 'token')
  const settings = () => slurmSettings.parse({ url, auth: 'token', tokenFile: tokenFile(), user: 'slurm' })

  test('names whoever a job is of, and is read again for each use', async () => {
    const tokens = createTokens(settings())
    const exp = seconds(Date.now()) + 120
    const [first, second] = [await until(exp - 60), await until(exp)]
    await writeFile(tokenFile(), first)
    expect(await tokens.as('alice')).toEqual({ user: 'alice', token: first })
    await writeFile(tokenFile(), `SLURM_JWT=${second}\n`)
    expect(await tokens.reader()).toEqual({ user: 'slurm', token: second })
    expect(await tokens.expiresAt()).toBe(exp * 1_000)
  })

  test.each([
    ['that is over', async () => await until(seconds(Date.now()) + 2)],
    ['that is none', () => Promise.resolve('nonsense')],
  ])('%s is not shown to Slurm, which would not say so', async (_, text) => {
    await writeFile(tokenFile(), await text())
    const tokens = createTokens(settings(), Date.now, () => Promise.resolve())
    await expect(tokens.reader()).rejects.toThrow(SlurmFailure)
  })

  test.each(['', 'SLURM_JWT=', 'eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3'])(
    'that is caught in the midst of being written (%j) is read once more before it is believed',
    async (half) => {
      const token = await until(seconds(Date.now()) + 60)
      await writeFile(tokenFile(), half)
      let written = ''
      const waits: number[] = []
      const tokens = createTokens(settings(), Date.now, async (ms) => {
        waits.push(ms)
        await writeFile(tokenFile(), written)
      })
      await expect(tokens.as('alice')).rejects.toThrow('the token is no JWT')
      written = token
      expect(await tokens.as('alice')).toEqual({ user: 'alice', token })
      expect(await tokens.as('alice')).toEqual({ user: 'alice', token })
      expect(waits).toEqual([1_000, 1_000])
    },
  )

  test('that cannot be read is said without its path', async () => {
    await rm(tokenFile(), { force: true })
    await expect(createTokens(settings()).reader()).rejects.toThrow('the token file cannot be read')
  })

  test('may be one for each user', async () => {
    const each = slurmSettings.parse({ url, auth: 'files', tokenFile: join(directory, '{user}.jwt'), user: 'reader' })
    const token = await until(seconds(Date.now()) + 60)
    await writeFile(join(directory, 'alice.jwt'), token)
    expect(await createTokens(each).as('alice')).toEqual({ user: 'alice', token })
    await expect(createTokens(each).as('../alice')).rejects.toThrow(SlurmFailure)
  })

  test('that one user lacks is theirs alone, and that the reader lacks everybody’s', async () => {
    const each = createTokens(
      slurmSettings.parse({ url, auth: 'files', tokenFile: join(directory, '{user}.jwt'), user: 'reader' }),
    )
    await expect(each.as('bob')).rejects.toThrow(NoToken)
    await writeFile(join(directory, 'bob.jwt'), await until(seconds(Date.now()) - 1))
    await expect(each.as('bob')).rejects.toThrow(NoToken)
    await expect(each.reader()).rejects.not.toThrow(NoToken)
    await rm(tokenFile(), { force: true })
    await expect(createTokens(settings()).as('bob')).rejects.not.toThrow(NoToken)
  })
})

describe('settings', () => {
  const good = { url, auth: 'key', keyFile: '/etc/slurm/jwt_hs256.key', user: 'reader' }
  const faults = (other: Record<string, unknown>) =>
    (slurmSettings.safeParse({ ...good, ...other }).error?.issues ?? []).map(({ path }) => path.join('.'))

  test.each<[string, Record<string, unknown>, string]>([
    ['two keys', { key: key.toString('base64') }, 'key'],
    ['no key', { keyFile: undefined }, 'key'],
    ['no token', { auth: 'token', keyFile: undefined }, 'token'],
    ['one file for all users', { auth: 'files', tokenFile: '/token' }, 'tokenFile'],
    ['a token beside the key', { tokenFile: '/token' }, 'tokenFile'],
    ['a key beside the token', { auth: 'token', tokenFile: '/token' }, 'keyFile'],
    ['two authorities', { ca: '-----BEGIN CERTIFICATE-----', caFile: '/ca.pem' }, 'ca'],
    ['root who looks', { user: 'root' }, 'user'],
    ['tokens in clear', { url: 'http://slurm.example:6820' }, 'url'],
    ['a password in the address', { url: 'https://a:b@slurm.example' }, 'url'],
    ['a version of other shapes', { apiVersion: 'v0.0.41' }, 'apiVersion'],
    ['a version that names no users and numbers no errors', { apiVersion: 'v0.0.36' }, 'apiVersion'],
    ['what nobody knows', { frobnicate: true }, ''],
    ['a system user who may run', { minimumUid: 0 }, 'minimumUid'],
  ])('refuse %s', (_, other, path) => {
    expect(faults(other)).toContain(path)
  })

  test('take what a site has', () => {
    expect(faults({ url: 'https://slurm.example/rest' })).toEqual([])
    expect(faults({ url: 'http://slurm.example:6820', plainHttp: true })).toEqual([])
  })

  test('by the API hold no files, no scripts and no secrets, and are whole with them', () => {
    const given = { url: 'https://slurm.example', auth: 'key', user: 'reader', images: { lab: { modules: ['lab/4'] } } }
    const parsed = slurmApiSettings.parse(given)
    for (const other of ['keyFile', 'tokenFile', 'caFile', 'plainHttp', ...slurmSecretFields])
      expect(slurmApiSettings.safeParse({ ...given, [other]: '/x' }).success).toBe(false)
    expect(slurmApiSettings.safeParse({ ...given, images: { lab: { setup: ['id'] } } }).success).toBe(false)
    expect(slurmApiSettings.safeParse({ ...given, auth: 'files' }).success).toBe(false)
    expect(slurmSettings.parse({ ...parsed, key: key.toString('base64') }).images).toEqual({
      lab: { modules: ['lab/4'], setup: [] },
    })
  })
})
