import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import { formattedAuthorizationPage } from '../rules/authorization-table.ts'

test('the page about who may do what is what `npm run authorization` writes', async () => {
  const page = readFileSync(new URL('../../docs/authorization.md', import.meta.url), 'utf8')
  expect(page).toBe(await formattedAuthorizationPage(routes))
})
