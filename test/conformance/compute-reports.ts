import { expect, test } from 'vitest'
import { reportFaults } from '../../domain/report.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { call, createPatiently, freshKey, listed, made, refOf, removed, running } from './compute-harness.ts'
import type { Harness, InstanceKey } from './compute-harness.ts'
import { untried } from './untried.ts'

const token = `cr_${'conformance'.repeat(4).slice(0, 43)}`
const range = { from: 20_000, to: 20_999 }
const report = { url: 'https://carrel.example.org/v1/instance-reports', token, ports: range, tls: true }

const reporting = (spec: InstanceSpec): InstanceSpec => ({ ...spec, report })

/** What hostile instances say of their one port, 8080; none of it is ever handed on. */
export const hostileReports: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['a port of the system', { '8080': 22 }],
  ['the port of a database', { '8080': 5_432 }],
  ['the port of Temporal', { '8080': 7_233 }],
  ['a port beside the range', { '8080': range.to + 1 }],
  ['a port below the range', { '8080': range.from - 1 }],
  ['a port that the template does not have', { '8080': range.from, '22': range.from + 1 }],
  ['no port', {}],
]

/** Where nothing can be reported, nothing that must report is made. */
export async function expectNoReports(h: Harness, deployment: string): Promise<void> {
  const { provider, specs } = h()
  if (provider.capabilities.reports !== false) return untried(provider.capabilities).not.toHaveProperty('reports')
  const created = await provider.create(reporting(specs.server(freshKey(deployment))), call())
  expect(created).toMatchObject({ kind: 'refused' })
}

/** The driver's part in reports: it says where an instance is, tells nobody its token, and hears nothing from it. */
export function reportCases(h: Harness, deployment: string): void {
  const begun = async (): Promise<InstanceKey> => {
    const key = freshKey(deployment)
    expect(made(await createPatiently(h().provider, reporting(h().specs.server(key))))).toBe(true)
    return key
  }

  test('where an instance is that reports its ports, its backend says', async () => {
    const key = await begun()
    const state = await running(h, key)
    const host = state.host ?? state.endpoints[0]?.host
    expect(host).toMatch(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/)
    await removed(h, key)
  })

  test('what it may report with is in no answer, no list and no name', async () => {
    const key = await begun()
    const said = JSON.stringify([
      await h().provider.create(reporting(h().specs.server(key)), call()),
      await running(h, key),
      await listed(h().provider, deployment),
      await h().provider.inspect(refOf(key), call()),
      await h().leftovers(deployment),
    ])
    expect(said).not.toContain(token)
    const printed = (await h().provider.logs?.(refOf(key), 1_000, call())) ?? ''
    expect(printed).not.toContain(token)
    await removed(h, key)
  })

  test.each(hostileReports)('a report of %s is refused before anybody looks for it', (_, ports) => {
    const { from, to, tls } = { ...range, tls: report.tls }
    const may = { ports: [8_080], reportedPorts: { from, to, tls }, hasUnpinned: false }
    const fingerprint = 'ab'.repeat(32)
    expect(reportFaults({ ports: ports as Record<string, number>, fingerprint }, may)).not.toEqual([])
    expect(reportFaults({ ports: { '8080': from }, fingerprint }, may)).toEqual([])
  })
}
