import { expect, test } from 'vitest'
import { templateFaults } from '../../domain/template-check.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import { plainTemplate } from '../setup/template.ts'

const web = { protocol: 'http', port: 8_888, modes: ['control'] } as const
const desktop = { protocol: 'vnc', port: 5_900, modes: ['control'] } as const
const size = { cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 }
const faultsOf = (more: Partial<TemplateSpec>): string[] =>
  templateFaults({
    ...plainTemplate,
    doors: { web },
    readiness: { kind: 'tcp', port: 8_888 },
    sizes: { small: size, large: size },
    defaultSize: 'small',
    ...more,
  }).map(({ pointer }) => pointer)

test('instances may choose among as many ports as they need', () => {
  const doors = { web: { ...web, modes: ['control', 'view'] as const, readOnly: { port: 8_889 } } }
  expect(faultsOf({ doors, reportedPorts: { from: 20_000, to: 20_001 } })).toEqual([])
  expect(faultsOf({ doors, reportedPorts: { from: 20_000, to: 20_000 } })).toEqual(['/reportedPorts/to'])
})

test('where ports are pinned to a certificate there are doors of http and vnc alone', () => {
  const reportedPorts = { from: 20_000, to: 20_999, tls: true }
  expect(faultsOf({ reportedPorts })).toEqual([])
  expect(faultsOf({ doors: { web, desktop }, reportedPorts })).toEqual([])
  for (const protocol of ['rdp', 'ssh'] as const) {
    const doors = { web, desktop: { ...desktop, protocol } }
    expect(faultsOf({ doors, reportedPorts })).toEqual(['/doors/desktop/protocol'])
    expect(faultsOf({ doors, reportedPorts: { ...reportedPorts, tls: false } })).toEqual([])
  }
})

test('at an OpenStack each size has its flavour, and no other', () => {
  const flavors = (names: Record<string, string>) => faultsOf({ backend: { openstack: { flavors: names } } })
  expect(flavors({ small: 'm1.small', large: 'm1.large' })).toEqual([])
  expect(flavors({ small: 'm1.small' })).toEqual(['/backend/openstack/flavors'])
  expect(flavors({ small: 'm1.small', large: 'm1.large', huge: 'm1.huge' })).toEqual([
    '/backend/openstack/flavors/huge',
  ])
})
