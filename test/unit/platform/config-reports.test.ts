import { expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const urlOf = (env: Record<string, string>): string | null => readConfig(['reports'], env).reports.url

test('instances report where callers reach the api, unless another way is named', () => {
  expect(urlOf({ CARREL_PUBLIC_URL: 'https://carrel.example.org' })).toBe(
    'https://carrel.example.org/v1/instance-reports',
  )
  const both = {
    CARREL_PUBLIC_URL: 'https://carrel.example.org',
    CARREL_REPORT_URL: 'https://inside.example.org/carrel',
  }
  expect(urlOf(both)).toBe('https://inside.example.org/carrel/v1/instance-reports')
  expect(urlOf({})).toBeNull()
})

test('outside development nobody reports by a way on which others could write', () => {
  expect(urlOf({ CARREL_PUBLIC_URL: 'http://carrel.example.org' })).toBeNull()
  expect(() => urlOf({ CARREL_REPORT_URL: 'http://carrel.example.org' })).toThrow(ConfigInvalid)
  const development = { CARREL_ENV: 'development', CARREL_PUBLIC_URL: 'http://127.0.0.1:8080' }
  expect(urlOf(development)).toBe('http://127.0.0.1:8080/v1/instance-reports')
})
