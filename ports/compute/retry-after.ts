/** A backend that asks for more is asked again all the same: its machine may be back, and its clock may be wrong. */
const longestMs = 10 * 60_000

/**
 * What a `Retry-After` header asks for, ms, in either of its forms (RFC 9110 §10.2.3): seconds, or a date. At most ten minutes;
 * `null` where it asks for nothing that makes sense.
 */
export function retryAfterMs(header: string | null | undefined, now: number = Date.now()): number | null {
  const text = header?.trim() ?? ''
  const wanted = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  // Any other number than of seconds would be read as a year.
  if (Number.isNaN(wanted) || !/^\d+$|^[A-Z][a-z]{2}/.test(text)) return null
  return Math.min(Math.max(wanted, 0), longestMs)
}
