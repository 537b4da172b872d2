import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { methodsOf } from '../../api/registry.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import { root } from '../rules/imports.ts'

const textOf = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')
const runbook = textOf('operations/runbook.md')

test('there is a word for a session that hangs in each state that it can be in', () => {
  const entries = new Set([...runbook.matchAll(/^## It hangs in (\w+)$/gm)].map(([, state]) => state))
  const unreached = [...(/^`pausing`.*are not reached yet/m.exec(runbook)?.[0] ?? '').matchAll(/`(\w+)`/g)].map(
    ([, state]) => state,
  )
  expect(liveStates.filter((state) => !entries.has(state) && !unreached.includes(state))).toEqual([])
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

test('every command of the runbook is sent with a method that its address takes', () => {
  const commands = [...runbook.matchAll(/op -X (GET|PUT|POST|DELETE)(?: -H '[^']*')* "?\$API(\/v1\/[\w/{}$-]+)/g)]
  expect(commands.length).toBeGreaterThan(5)
  for (const [text, method = '', path = ''] of commands)
    expect(methodsOf(path.replaceAll(/\$[A-Z]+|\{\w+\}/g, 'x')), text).toContain(method)
})
