import { test } from 'vitest'
import { computeConformance } from '../conformance/compute.ts'
import { hasBwrap, processHarness } from './process-harness.ts'

computeConformance('process, without a sandbox', { faults: false, mounts: false }, () => processHarness('off'))

if (hasBwrap)
  computeConformance('process, in bwrap', { faults: false, mounts: false }, () => processHarness('required'))
else test('WITHOUT BWRAP: it does not work on this machine, so the sandbox is not tried', () => {})
