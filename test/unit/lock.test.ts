import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { completed, missingPackages, type LockFile } from '../../stack/lock-platforms.ts'

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
const lock = read('package-lock.json') as LockFile

test('the lock file holds every platform: after `npm install`, run `npm run lock`', () => {
  expect(missingPackages(lock)).toEqual([])
})

test('the lock file names no registry', () => {
  expect(JSON.stringify(lock)).not.toMatch(/"resolved":"https?:/)
})

test('all of Temporal is one exact version, also in package.json', () => {
  const versions = Object.entries(lock.packages)
    .filter(([place]) => /node_modules\/@temporalio\/[^/]+$/.test(place))
    .map(([, entry]) => entry.version)
  expect(versions.length).toBeGreaterThan(5)
  expect(new Set(versions).size).toBe(1)
  const asked = read('package.json') as Record<'dependencies' | 'devDependencies', Record<string, string>>
  for (const [name, range] of Object.entries({ ...asked.dependencies, ...asked.devDependencies }))
    if (name.startsWith('@temporalio/')) expect(range, name).toBe(versions[0])
})

test('Temporal sees one protobufjs: with a second copy, histories from JSON do not replay', () => {
  const nested = Object.keys(lock.packages).filter((place) => /@temporalio\/.*node_modules\/protobufjs$/.test(place))
  expect(nested).toEqual([])
  expect(lock.packages['node_modules/protobufjs']).toBeDefined()
})

test('a missing platform is added with what its name tells, and then nothing is missing', () => {
  const broken: LockFile = {
    packages: {
      '': {},
      'node_modules/tool': {
        optionalDependencies: { '@tool/darwin-arm64': '1.2.3', '@tool/linux-x64-musl': '^1.2.0' },
      },
      'node_modules/tool/node_modules/@tool/darwin-arm64': { version: '1.2.3' },
    },
  }
  expect(missingPackages(broken)).toEqual([{ name: '@tool/linux-x64-musl', range: '^1.2.0' }])
  const whole = completed(broken)
  expect(whole.packages['node_modules/@tool/linux-x64-musl']).toEqual({
    version: '1.2.0',
    optional: true,
    os: ['linux'],
    cpu: ['x64'],
    libc: ['musl'],
  })
  expect(missingPackages(whole)).toEqual([])
})

test('a name that tells no platform is refused, not guessed', () => {
  expect(() => completed({ packages: { '': { optionalDependencies: { surprise: '1.0.0' } } } })).toThrow('surprise')
})
