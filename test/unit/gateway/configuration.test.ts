import { expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const production = {
  CARREL_ENV: 'production',
  CARREL_SESSIONS_DOMAIN: 'sessions.example.net',
  CARREL_PUBLIC_URL: 'https://api.example.org',
  CARREL_CORS_ORIGINS: 'https://portal.example.org',
}
const faultsOf = (env: Record<string, string>): string[] => {
  try {
    readConfig(['gateway'], env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.faults.map(({ key }) => key)
  }
}

test('doors are on https at a domain of their own; in development at localhost', () => {
  expect(readConfig(['gateway'], production).gateway).toMatchObject({
    origins: { scheme: 'https', domain: 'sessions.example.net', port: null },
    development: false,
    frameAncestors: [],
  })
  expect(readConfig(['gateway', 'doors'], { CARREL_ENV: 'development' })).toMatchObject({
    gateway: { origins: { scheme: 'http', domain: 'localhost', port: 8090 }, development: true },
    doors: { scheme: 'http', domain: 'localhost', port: 8090 },
  })
})

test.each<[string, Record<string, string>, string[]]>([
  ['no domain', { CARREL_SESSIONS_DOMAIN: '' }, ['CARREL_SESSIONS_DOMAIN']],
  ['no address of the API to compare with', { CARREL_PUBLIC_URL: '' }, ['CARREL_PUBLIC_URL']],
  [
    'no address of the API, and no matter',
    { CARREL_PUBLIC_URL: '', CARREL_SHARED_DOMAIN_ALLOWED: 'sessions.example.net' },
    [],
  ],
  [
    'no address of the API in development',
    { CARREL_PUBLIC_URL: '', CARREL_ENV: 'development', CARREL_SESSIONS_DOMAIN: 'sessions.test' },
    [],
  ],
  ['no TLS', { CARREL_GATEWAY_PUBLIC_SCHEME: 'http' }, ['CARREL_GATEWAY_PUBLIC_SCHEME']],
  ['the portal’s site', { CARREL_SESSIONS_DOMAIN: 'sessions.example.org' }, ['CARREL_SESSIONS_DOMAIN']],
  [
    'the site of an embedding portal',
    { CARREL_FRAME_ANCESTORS: 'https://www.example.net' },
    ['CARREL_SESSIONS_DOMAIN'],
  ],
  [
    'the portal’s site, meant so',
    { CARREL_SESSIONS_DOMAIN: 'sessions.example.org', CARREL_SHARED_DOMAIN_ALLOWED: 'sessions.example.org' },
    [],
  ],
  [
    'an override for another domain',
    { CARREL_SESSIONS_DOMAIN: 'sessions.example.org', CARREL_SHARED_DOMAIN_ALLOWED: 'old.example.org' },
    ['CARREL_SESSIONS_DOMAIN'],
  ],
  [
    'embedding without TLS',
    {
      CARREL_ENV: 'development',
      CARREL_SESSIONS_DOMAIN: 'sessions.test',
      CARREL_FRAME_ANCESTORS: 'http://portal.localhost',
    },
    ['CARREL_FRAME_ANCESTORS'],
  ],
  ['a bridge on every address', { CARREL_GUACD_BRIDGE_HOST: '0.0.0.0' }, ['CARREL_GUACD_BRIDGE_HOST']],
  ['a bridge on every address of IPv6', { CARREL_GUACD_BRIDGE_HOST: '::' }, ['CARREL_GUACD_BRIDGE_HOST']],
  ['guacds that come from no network', { CARREL_GUACD_PEERS: '10.0.0.7' }, ['CARREL_GUACD_PEERS[0]']],
  ['a domain that is none', { CARREL_SESSIONS_DOMAIN: 'Sessions.Example.net/' }, ['CARREL_SESSIONS_DOMAIN']],
])('%s', (_name, env, faults) => {
  expect([...new Set(faultsOf({ ...production, ...env }))]).toEqual(faults)
})

test('the start that is refused says what is missing, and what says that it was meant', () => {
  expect(() => readConfig(['gateway'], { ...production, CARREL_PUBLIC_URL: '' })).toThrow(
    /CARREL_PUBLIC_URL.*is required.*CARREL_SHARED_DOMAIN_ALLOWED/,
  )
})
