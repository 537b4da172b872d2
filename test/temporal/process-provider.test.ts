import { test } from 'vitest'
import { computeConformance } from '../conformance/compute.ts'
import { hasBwrap, processHarness } from './process-harness.ts'

const can = { faults: false, mounts: false, refusals: ['start_failed'] } as const

computeConformance('process, without a sandbox', can, () => processHarness('off'))

if (hasBwrap) computeConformance('process, in bwrap', can, () => processHarness('required'))
else test('WITHOUT BWRAP: it does not work on this machine, so the sandbox is not tried', () => {})
