import { expect, test } from 'vitest'
import { checkCodes } from '../../domain/provider-check.ts'
import { call } from './compute-harness.ts'
import type { ComputeHarness } from './compute-harness.ts'
import { untried } from './untried.ts'

/** What a driver's check promises: it says what is missing in codes, and a backend that is away is a finding. */
export function checkCases(h: () => ComputeHarness, deployment: string): void {
  const ask = { deploymentId: deployment, templates: [] }

  test('a check of a backend that is well finds nothing missing', async () => {
    const { provider } = h()
    if (provider.check === undefined) {
      untried(provider).not.toHaveProperty('check')
      return
    }
    const findings = await provider.check(ask, call())
    expect(findings.filter(({ level }) => level === 'missing')).toEqual([])
    for (const { code } of findings) expect(checkCodes).toContain(code)
  })

  test('what a check finds of a template is what that names, where the backend can tell', async () => {
    const { provider } = h()
    if (provider.check === undefined) {
      untried(provider).not.toHaveProperty('check')
      return
    }
    const image = 'missing-from-every-backend:1'
    const sizes = [{ name: 'small', cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 }]
    const templates = [{ image, sizes, egress: 'internet' as const, terms: {} }]
    const without = (await provider.check(ask, call())).map((finding) => JSON.stringify(finding))
    const found = await provider.check({ ...ask, templates }, call())
    const added = found.filter((finding) => !without.includes(JSON.stringify(finding)))
    expect(added.filter(({ code }) => !['image_missing', 'named_missing', 'not_checked'].includes(code))).toEqual([])
    expect(added.filter(({ code, about = '' }) => code === 'image_missing' && !about.includes(image))).toEqual([])
  })

  test('a check of a backend that is away says so, within bounds, and throws nothing', async () => {
    const { faults, limits } = h()
    if (faults === undefined) {
      untried(faults).toBeUndefined()
      return
    }
    if (faults.provider.check === undefined) {
      untried(faults.provider).not.toHaveProperty('check')
      return
    }
    await faults.goDown()
    try {
      const began = performance.now()
      const codes = (await faults.provider.check(ask, call())).map(({ code }) => code)
      expect(codes).toContain('unreachable')
      expect(performance.now() - began).toBeLessThan(limits.boundedMs)
    } finally {
      await faults.recover()
    }
  })
}
