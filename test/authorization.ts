import { writeFileSync } from 'node:fs'
import { routes } from '../api/registry.ts'
import { formattedAuthorizationPage } from './rules/authorization-table.ts'

/** Writes docs/authorization.md of the matrix and the routes that there are. */
writeFileSync(new URL('../docs/authorization.md', import.meta.url), await formattedAuthorizationPage(routes))
