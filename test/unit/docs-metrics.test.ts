import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { createGauges } from '../../api/status/gauges.ts'
import { errorCodes } from '../../domain/errors.ts'
import { cutReasons } from '../../gateway/live.ts'
import { notices } from '../../gateway/pages/notices.ts'
import { foreignReasons } from '../../domain/foreign.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { outsideDriftKinds } from '../../domain/outside-sweep.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import { countForeignPayloads, createMetrics } from '../../platform/metrics.ts'
import { folders } from '../rules/import-table.ts'
import { textOf } from '../rules/documents.ts'
import { sourceFiles } from '../rules/imports.ts'

/** Every metric that some process registers, by its whole name. */
const registered = new Set(
  folders
    .filter((folder) => folder !== 'test')
    .flatMap((folder) => sourceFiles(folder))
    .flatMap((file) => [...textOf(file).matchAll(/metrics\s*\.(?:gauge|counter|histogram)\(\s*'([a-z_]+)'/g)])
    .map(([, name]) => `carrel_${name ?? ''}`),
)
const described = textOf('docs/operations/metrics.md')
const codes = [...Object.keys(errorCodes), ...Object.keys(notices)]
const values = new Set<string>([...driftKinds, ...outsideDriftKinds, ...liveStates, ...codes, ...cutReasons])
const rules = z
  .object({
    groups: z.array(
      z.object({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Carrel[A-Z][A-Za-z]+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[smh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
            annotations: z.strictObject({ summary: z.string().min(10), runbook: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(textOf('docs/alarms.yaml')))
  .groups.flatMap((group) => group.rules)

test('what the processes register is what is found in their sources', async () => {
  const metrics = createMetrics('test')
  createGauges(metrics)
  countForeignPayloads(metrics)
  const { text } = await metrics.expose()
  const shown = [...text.matchAll(/^# TYPE (carrel_\w+)/gm)].map(([, name]) => name ?? '')
  expect(shown.length).toBeGreaterThan(10)
  expect(shown.filter((name) => !registered.has(name))).toEqual([])
})

test('what never happened is told as 0, or its first time would be no increase', async () => {
  const metrics = createMetrics('test')
  const count = countForeignPayloads(metrics)
  const shown = async () => [
    ...(await metrics.expose()).text.matchAll(
      /^carrel_foreign_payload_total\{reason="(\w+)",process="test"\} (\d+)$/gm,
    ),
  ]
  expect((await shown()).map(([, reason, value]) => [reason, value])).toEqual(foreignReasons.map((r) => [r, '0']))
  count('plain')
  expect((await shown()).map(([, reason, value]) => [reason, value])).toContainEqual(['plain', '1'])
})

test('every metric has its row in docs/operations/metrics.md, and every row is one', () => {
  const rows = [...described.matchAll(/^\| `(carrel_[a-z_]+)/gm)].map(([, name]) => name ?? '')
  expect(rows.toSorted()).toEqual([...registered].toSorted())
})

test('every alarm stands on metrics that there are', () => {
  expect(rules.length).toBeGreaterThan(10)
  for (const { alert, expr } of rules) {
    const named = [...expr.matchAll(/\bcarrel_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''))
    expect(
      named.filter((name) => !registered.has(name)),
      alert,
    ).toEqual([])
    const plain = expr.replace(/"[^"]*"/g, '')
    const others = [...plain.matchAll(/\b(?!carrel_)[a-z]+(?:_[a-z]+)+\b/g)].map(([name]) => name)
    expect(
      others.filter((name) => name !== 'histogram_quantile'),
      alert,
    ).toEqual([])
    const chosen = [...expr.matchAll(/\b(?:kind|state|code|reason)(?:=|!=|=~|!~)"([^"]*)"/g)].flatMap(([, value]) =>
      (value ?? '').split('|'),
    )
    expect(
      chosen.filter((value) => !values.has(value)),
      alert,
    ).toEqual([])
  }
})

test('every alarm says what to do, where that stands, and is described with its threshold', () => {
  const headings = new Set(
    [...textOf('docs/operations/runbook.md').matchAll(/^#{2,3} (.+)$/gm)].map(([, title]) =>
      (title ?? '')
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
  for (const { alert, annotations } of rules) {
    expect(annotations.runbook).toMatch(/^docs\/operations\/runbook\.md#/)
    expect(headings, alert).toContain(annotations.runbook.split('#')[1])
    expect(described, alert).toContain(`\`${alert}\``)
  }
  const named = [...described.matchAll(/`(Carrel[A-Z]\w+)`/g)].map(([, name]) => name)
  expect(named.filter((name) => !rules.some(({ alert }) => alert === name))).toEqual([])
})

/** The table of alarms: what it says of when each rings, and how grave that is. */
const table = new Map(
  [...described.matchAll(/^\| `(Carrel\w+)` \| (.+) \| (\w+) \|$/gm)].map(([, alert, when, severity]) => [
    alert,
    { when, severity },
  ]),
)
const unitWords: Readonly<Record<string, string>> = { s: 's', m: 'min', h: 'h' }

test('the table of alarms says for how long each must last, and how grave it is', () => {
  for (const { alert, for: lasting, labels } of rules) {
    expect(table.get(alert)?.severity, alert).toBe(labels.severity)
    const [, count, unit = ''] = /^(\d+)([smh])$/.exec(lasting ?? '') ?? []
    if (count !== undefined) expect(table.get(alert)?.when, alert).toContain(`for ${count} ${unitWords[unit]}`)
  }
})

/** No value of these is trouble by itself. */
const onlyShown = [
  'sessions',
  'gateway_open',
  'gateway_bytes_total',
  'guacd_open',
  'guacd_handshakes',
  'mails_delayed',
  'mail_tries_total',
]

test('whatever counts trouble has an alarm', () => {
  const alarmed = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/\bcarrel_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')),
  )
  const silent = [...registered].filter((name) => !alarmed.includes(name))
  expect(silent.toSorted()).toEqual(onlyShown.map((name) => `carrel_${name}`).toSorted())
})

test('whoever answers scrapes in the compose files is among those to scrape', () => {
  const files = ['', 'guacamole.', 'mail.', 'provider.'].map((part) => textOf(`docker-compose.${part}yaml`)).join('\n')
  const all = [...files.matchAll(/^ {2}(api|gateway|worker-[a-z]+):$/gm)].map(([, name]) => name ?? '')
  expect(new Set(all).size).toBe(7)
  expect(all.filter((name) => !new RegExp(`\\b${name}:(?:8080|9090)`).test(described))).toEqual([])
})
