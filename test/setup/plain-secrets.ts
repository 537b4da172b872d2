import type { InstanceSecrets } from '../../activities/compute.ts'
import { hashOf } from '../../db/door-secrets.ts'

/** Secrets that are not sealed, and known to the test. */
export const plainReportToken = `cr_${'r'.repeat(43)}`
export const plainSecrets: InstanceSecrets = {
  mint: () => Buffer.from('secret'),
  open: () => 'secret',
  mintReport: () => ({ sealed: Buffer.from(plainReportToken), hash: hashOf(plainReportToken) }),
  openReport: (_key, sealed) => sealed.toString(),
  parameters: () => ({}),
}
