import { expect, test } from 'vitest'
import type { ProviderConfig } from '../../platform/config.ts'
import { optionsOf, providerOf } from '../proof/options.ts'
import type { ProveOptions } from '../proof/options.ts'
import { partNames } from '../proof/part.ts'

const read = (...args: string[]): ProveOptions => {
  const options = optionsOf(args)
  if (options === 'help') throw new Error('help')
  return options
}

test('without options everything is tried, for two hours, with a seed of its own', () => {
  const { parts, seed, ...rest } = read()
  expect([...new Set(parts.map(({ name }) => name))]).toEqual([...partNames])
  expect(seed).toBeGreaterThan(0)
  expect(rest).toMatchObject({ durationMs: 7_200_000, rounds: undefined, provider: undefined })
  expect(optionsOf(['--help', '--seed', '1'])).toBe('help')
})

test('options are read as they are written, and what is wrong is said', () => {
  const some = read('--only', 'kill,cut', '--seed', '7', '--rounds', '3', '--duration', '90s', '--image', 'own/perl:1')
  expect(some.parts.map(({ name }) => name)).toEqual(['kill', 'cut'])
  expect(some).toMatchObject({ seed: 7, rounds: 3, durationMs: 90_000, image: 'own/perl:1' })
  expect(read('--user', 'ada:2001:2002', '--here', '10.0.0.5')).toMatchObject({
    posix: { user: 'ada', uid: 2_001, gid: 2_002, gids: [] },
    here: '10.0.0.5',
  })
  expect(() => read('--user', 'ada')).toThrow('--user must be like ada:2001:2001')
  expect(() => read('--only', 'kil')).toThrow('there is no part kil')
  expect(() => read('--rounds', '-3')).toThrow()
  expect(() => read('--rounds', 'many')).toThrow('--rounds must be a whole number')
  expect(() => read('--duration', '90')).toThrow('--duration must be like')
  expect(() => read('--speed', '1')).toThrow('--speed')
})

const nowhere = { host: undefined, tlsVerify: undefined, certPath: undefined }
const lab: ProviderConfig = {
  id: 'lab',
  kind: 'docker',
  startLimit: 2,
  networks: ['10.0.0.0/8'],
  settings: { dockerHost: 'tcp://10.0.0.5:2376', certPath: '/etc/carrel/lab', publishAddress: '10.0.0.5' },
}

test('the provider is the one that is named, as it is configured', () => {
  const other = { ...lab, id: 'other' }
  expect(providerOf('lab', [other, lab], nowhere)).toBe(lab)
  expect(providerOf(undefined, [lab], nowhere)).toBe(lab)
  expect(() => providerOf(undefined, [lab, other], nowhere)).toThrow('must name one of lab, other')
  expect(() => providerOf('moon', [lab], nowhere)).toThrow('there is no provider moon')
})

test('where none is configured this machine has one, at the daemon that its environment names', () => {
  const place = { host: 'tcp://127.0.0.1:2375', tlsVerify: undefined, certPath: undefined }
  expect(providerOf(undefined, [], place)).toMatchObject({ id: 'docker', settings: { dockerHost: place.host } })
  expect(providerOf('docker', [lab], nowhere).settings).toMatchObject({ dockerHost: 'unix:///var/run/docker.sock' })
  expect(providerOf('process', [], nowhere).kind).toBe('process')
})
