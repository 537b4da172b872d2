import type { CheckFinding } from '../../../domain/provider-check.ts'
import { CloudError } from './cloud-error.ts'

export const missing = (code: CheckFinding['code'], about: string): CheckFinding => ({ code, level: 'missing', about })
export const warning = (code: CheckFinding['code'], about: string): CheckFinding => ({ code, level: 'warning', about })

/** An answer that could not be had becomes a finding itself. */
export async function found(look: () => Promise<CheckFinding[]>, about: string): Promise<CheckFinding[]> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    if (error.status === 401) return [missing('credentials_refused', about)]
    if (error.status === 403) return [missing('permission_missing', about)]
    if (error.status === 406) return [missing('version_unsupported', about)]
    const answered = error.status !== null && error.status < 500
    return [answered ? warning('not_checked', about) : missing('unreachable', about)]
  }
}
