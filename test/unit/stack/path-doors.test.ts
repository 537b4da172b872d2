import { expect, test } from 'vitest'
import type { DoorSpec } from '../../../domain/template.ts'
import type { Offer } from '../../../stack/offer.ts'
import { belowPaths, resolvesDoors } from '../../../stack/path-doors.ts'
import { plainTemplate } from '../../setup/template.ts'

const web: DoorSpec = { protocol: 'http', port: 8888, modes: ['control'], path: '/lab?token={secret}' }
const offer = (path = '/lab?token={secret}'): Offer => ({
  provider: { id: 'docker', kind: 'docker', startLimit: 4, networks: [], settings: {} },
  template: {
    name: 'notebook',
    spec: {
      ...plainTemplate,
      environment: { KEPT: 'yes' },
      doors: { web: { ...web, path } },
      readiness: { kind: 'http', port: 8888, path: '/api', status: 200 },
    },
  },
  desktop: null,
  why: 'it is a test',
})

test('the notebook is told its path, below which alone it answers', () => {
  const { spec } = belowPaths(offer()).template
  expect(spec.environment).toEqual({ KEPT: 'yes', CARREL_BASE_URL: '/{session}-web/' })
  expect(spec.readiness).toEqual({ kind: 'http', port: 8888, path: '/api', status: 404 })
  expect(spec.doors).toEqual(offer().template.spec.doors)
})

test('what cannot be told its path is not offered below one', () => {
  expect(() => belowPaths(offer('/?token={secret}'))).toThrow('JupyterLab')
  const { template } = offer()
  expect(() => belowPaths({ ...offer(), desktop: template })).toThrow('needs a host name')
})

test.each([
  ['127.0.0.1', true],
  ['::1', true],
  ['192.0.2.7', false],
])('a machine that finds a door at %s: %s', async (address, known) => {
  expect(await resolvesDoors(async () => await Promise.resolve(address))).toBe(known)
})

test('one that finds none does not know such names', async () => {
  expect(await resolvesDoors(async () => await Promise.reject(new Error('ENOTFOUND')))).toBe(false)
})
