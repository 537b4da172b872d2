import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { methodsOf, routes } from '../../api/registry.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import { rights } from '../../domain/authorization.ts'
import { root } from '../rules/imports.ts'

const textOf = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')
const runbook = textOf('operations/runbook.md')

test('there is a word for a session that hangs in each state that it can be in', () => {
  const entries = new Set([...runbook.matchAll(/^## It hangs in (\w+)$/gm)].map(([, state]) => state))
  expect(liveStates.filter((state) => !entries.has(state))).toEqual([])
})

test('every kind of drift has its row', () => {
  const rows = [...runbook.matchAll(/^\| `(\w+)` +\|/gm)].map(([, kind]) => kind ?? '')
  expect(driftKinds.filter((kind) => !rows.includes(kind))).toEqual([])
})

test('every address that the words for operators name is one of the api', () => {
  for (const name of ['operations.md', 'operations/runbook.md', 'operations/backup.md', 'operations/metrics.md']) {
    const named = [...textOf(name).matchAll(/(?:\$API|[` ])(\/v1\/[\w/{}$-]+)/g)].map(([, path]) => path ?? '')
    const plain = named.map((path) => path.replaceAll(/\$[A-Z]+|\{\w+\}/g, 'x'))
    expect(
      plain.filter((path) => methodsOf(path).length === 0),
      name,
    ).toEqual([])
  }
})

test('every command of the runbook is sent with a method that its address takes, by somebody who may', () => {
  const words = /(op|admin) -X (GET|PUT|POST|DELETE)(?: -H '[^']*')* "?\$API(\/v1\/[\w/{}$-]+)/g
  const commands = [...runbook.matchAll(words)]
  expect(commands.length).toBeGreaterThan(5)
  for (const [text, who, method = '', path = ''] of commands) {
    const plain = path.replaceAll(/\$[A-Z]+|\{\w+\}/g, 'x')
    expect(methodsOf(plain), text).toContain(method)
    const fits = (pattern: string) => new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(plain)
    const right = routes.find((route) => route.method === method && fits(route.path))?.right
    // A token that is not one's own is withdrawn by an admin.
    const needsAdmin = right === 'token:write' || (right !== undefined && rights[right].relation === 'admin')
    expect(who, text).toBe(needsAdmin ? 'admin' : 'op')
  }
})
