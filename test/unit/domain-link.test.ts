import { expect, test } from 'vitest'
import { linkUrl } from '../../domain/link.ts'
import type { LinkValues } from '../../domain/link.ts'
import { templateFaults } from '../../domain/template-check.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { plainTemplate } from '../setup/template.ts'

const values = (parameters: LinkValues['parameters'] = {}): LinkValues => ({
  ...{ session: 's1', account: 'a1', project: 'p1' },
  parameters,
})

test('each placeholder is replaced, percent-encoded', () => {
  const url = 'https://desk.example/{project}/open?by={account}&for={session}&run={parameter.run}#{parameter.on}'
  expect(linkUrl(url, values({ run: 'a/b ?&ü', on: true }))).toBe(
    'https://desk.example/p1/open?by=a1&for=s1&run=a%2Fb%20%3F%26%C3%BC#true',
  )
})

test.each(['..', '.', '...', '', 'a/../..', '\\..\\', '//evil.example', '@evil.example', '\n'])(
  'a value %j leads nowhere but where the template says',
  (run) => {
    const led = linkUrl('https://desk.example/files/{parameter.run}/show', values({ run }))
    if (led === null) return expect(['..', '.']).toContain(run)
    const { origin, pathname } = new URL(led)
    expect([origin, pathname.split('/').length]).toEqual(['https://desk.example', 4])
    expect(pathname).toMatch(/^\/files\/[^/]*\/show$/)
  },
)

test.each(['', 'files/'])('nor does one that ends the path, after "/%s"', (path) => {
  const led = (run: string) => linkUrl(`https://desk.example/${path}{parameter.run}?by={account}#/..`, values({ run }))
  expect(led('a')).toBe(`https://desk.example/${path}a?by=a1#/..`)
  expect([led('.'), led('..')]).toEqual([null, null])
})

const link = (url: string, over: Partial<TemplateSpec> = {}): TemplateSpec => ({
  ...plainTemplate,
  doors: {},
  readiness: { kind: 'none' },
  parameters: { run: { type: 'string' }, pass: { type: 'string', secret: true } },
  backend: { link: { url } },
  ...over,
})
const pointers = (spec: TemplateSpec) => templateFaults(spec).map(({ pointer }) => pointer)

test('a template that is a link has nothing that only what runs could have', () => {
  expect(pointers(link('https://desk.example/{parameter.run}?{session}'))).toEqual([])
  const running = link('https://desk.example/', {
    doors: plainTemplate.doors,
    readiness: plainTemplate.readiness,
    mounts: [{ kind: 'dataset', modes: ['ro'] }],
    idleTimeoutSeconds: 60,
    reportedPorts: { from: 20_000, to: 20_999 },
  })
  expect(pointers(running)).toEqual(['/readiness/kind', '/doors', '/mounts', '/idleTimeoutSeconds', '/reportedPorts'])
})

test.each([
  'https://{parameter.run}/',
  'https://{parameter.run}.example/',
  'https:///{parameter.run}/',
  'https://\\{parameter.run}/',
  'https://desk.example:{parameter.run}/',
  'https://{desk.example/',
  'https://desk.example@{session}/',
  'https://user:word@desk.example/',
  'https:///user:word@desk.example/',
  'https://desk.example/{nothing}',
  'https://desk.example/{parameter.gone}',
  'https://desk.example/{parameter.pass}',
  'https://desk.example/{constructor}',
])('%s is no link', (url) => {
  expect(new Set(pointers(link(url)))).toEqual(new Set(['/backend/link/url']))
})
