import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importTable } from '../rules/import-table.ts'
import { importsOf, isAllowed, root, sourceFiles } from '../rules/imports.ts'
import { lintOverrides } from '../rules/lint-overrides.ts'

const rules = Object.entries(importTable)

test.each(rules)('%s imports only what the table allows', (folder, rule) => {
  const wrong = sourceFiles(folder)
    .flatMap((file) => importsOf(file))
    .filter((one) => !isAllowed(folder, rule, one))
  expect(wrong.map((one) => `${one.file} imports ${one.target}${one.typeOnly ? ' (types)' : ''}`)).toEqual([])
})

test('the linter knows the same table', () => {
  const config = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as { overrides: unknown[] }
  expect(config.overrides.slice(0, rules.length)).toEqual(lintOverrides())
})

test('the parser sees every way to import, and tells types from values', () => {
  const text = [
    `import type { A } from './a.ts'`,
    `import { type B, c } from '../db/b.ts'`,
    `export * from '../domain/d.ts'`,
    `export type { T } from './t.ts'`,
    `const y = await import('zod')`,
    `import 'node:fs'`,
  ].join('\n')
  expect(importsOf('api/x.ts', text).map(({ target, typeOnly }) => [target, typeOnly])).toEqual([
    ['api/a.ts', true],
    ['db/b.ts', false],
    ['node:fs', false],
    ['domain/d.ts', false],
    ['api/t.ts', true],
    ['zod', false],
  ])
})

test.each([
  ['domain', 'domain/x.ts', `import { z } from 'zod'`, false],
  ['domain', 'domain/x.ts', `import { y } from './y.ts'`, true],
  ['domain', 'domain/x.ts', `import type { D } from '../db/schema.ts'`, false],
  ['workflows', 'workflows/x.ts', `import type { A } from '../activities/a.ts'`, true],
  ['workflows', 'workflows/x.ts', `import { a } from '../activities/a.ts'`, false],
  ['workflows', 'workflows/x.ts', `import { a } from 'node:crypto'`, false],
  ['api', 'api/sessions/x.ts', `import { s } from '../../workflows/session/session.messages.ts'`, true],
  ['api', 'api/sessions/x.ts', `import { s } from '../../workflows/session/session.ts'`, false],
  ['api', 'api/sessions/x.ts', `import type { s } from '../../workflows/session/session.ts'`, true],
  ['api', 'api/x.ts', `import { d } from '../ports/compute/provider.ts'`, false],
  ['api', 'api/x.ts', `import { d } from '../ports/identity/oidc.ts'`, true],
  ['api', 'api/x.ts', `import { k } from '../ports/compute/api-settings.ts'`, true],
  ['api', 'api/x.ts', `import { k } from '../ports/compute/docker/settings.ts'`, false],
  ['db', 'db/migrate.ts', `import { readConfig } from '../platform/config.ts'`, true],
  ['db', 'db/events.ts', `import { readConfig } from '../platform/config.ts'`, false],
] as const)('%s: in %s, `%s` is allowed: %s', (folder, file, text, allowed) => {
  const [one] = importsOf(file, text)
  expect(one === undefined ? undefined : isAllowed(folder, importTable[folder], one)).toBe(allowed)
})

test('what the api takes from the drivers of providers is schemas, and nothing that reaches a backend', () => {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const follow = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { target, typeOnly } of importsOf(file)) {
      if (typeOnly) continue
      if (target.endsWith('.ts')) follow(target)
      else packages.add(target)
    }
  }
  follow('ports/compute/api-settings.ts')
  expect(seen.size).toBeGreaterThan(2)
  expect([...packages].filter((name) => !['zod', 'node:net', 'node:path'].includes(name))).toEqual([])
})
