import { afterEach, expect, test } from 'vitest'
import { createMetrics } from '../../platform/metrics.ts'
import { serveHealth } from '../../platform/health.ts'
import { whyIdle } from '../../worker/turn.ts'

let idle: string | null = null
const health = await serveHealth({
  host: '127.0.0.1',
  port: null,
  metrics: createMetrics('worker'),
  whyUnready: () => idle,
})
afterEach(async () => await health.close())

const ask = async (path: string) => {
  const answer = await fetch(`${health.url}${path}`)
  return [answer.status, await answer.text()]
}

test('a worker says that it serves, why it is given nothing, and that it ends', async () => {
  expect(await ask('/readyz')).toEqual([200, 'ok\n'])
  idle = 'The build b is not current.'
  expect(await ask('/readyz')).toEqual([503, 'The build b is not current.\n'])
  expect(await ask('/healthz')).toEqual([200, 'ok\n'])
  health.ready(false)
  expect(await ask('/readyz')).toEqual([503, 'stopping\n'])
})

const build = (buildId: string) => ({ deploymentName: 'carrel', buildId })

test('a worker is given workflows when its build is current or ramps up, and without a version when nobody is', () => {
  expect(whyIdle(null, { current: null, ramping: null })).toBeNull()
  expect(whyIdle(build('b'), { current: build('b'), ramping: null })).toBeNull()
  expect(whyIdle(build('c'), { current: build('b'), ramping: build('c') })).toBeNull()
  expect(whyIdle(build('b'), { current: null, ramping: null })).toContain('npm run workers -- promote b')
  expect(whyIdle(build('c'), { current: build('b'), ramping: null })).toContain('to the build b of carrel')
  expect(whyIdle(null, { current: build('b'), ramping: null })).toContain('npm run workers -- unversioned')
  expect(whyIdle(null, { current: build('b'), ramping: build('c') })).not.toBeNull()
})
