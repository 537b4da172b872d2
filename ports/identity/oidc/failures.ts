import type { Unavailable } from '../identity-provider.ts'
import { Unfit } from './bounded-fetch.ts'

const mostDetail = 300

/** What went wrong, for operators: codes and names, and never what was sent. */
export function detailOf(error: unknown): string {
  const words: string[] = []
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const code = 'code' in at ? String(at.code) : at.name
    words.push(
      at instanceof Unfit ? at.message : code === 'Error' || code === 'TypeError' ? at.name : `${code}: ${plain(at)}`,
    )
  }
  return words.join(' < ').slice(0, mostDetail)
}

/** The libraries' messages name what they expected; what came is in `cause`, which is left out. */
const plain = (error: Error): string => error.message.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 120)

export const unavailable = (error: unknown): Unavailable => ({ kind: 'unavailable', detail: detailOf(error) })

/** Codes of an answer that was read and does not hold; whatever else goes wrong is for want of an answer. */
const invalidCodes = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_PARSE_ERROR',
  'OAUTH_RESPONSE_BODY_ERROR',
  'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
])

/** Whether an answer came and does not hold. */
export function isInvalid(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ERR_JWKS_TIMEOUT') return false
  if (code === 'OAUTH_RESPONSE_BODY_ERROR' && 'status' in error && Number(error.status) >= 500) return false
  return invalidCodes.has(code) || code.startsWith('ERR_J')
}
