import type { AccessRefusal, AccessUnavailable, NotDone } from '../access-gateway.ts'

/** How long an address is banned for logins that failed, where the site has not said otherwise. */
export const banMs = 300_000

/** Ends a call whose outcome is unknown or that time may mend. It does not leave this folder. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly retryAt: number
  constructor(detail: string, retryAt: number) {
    super(detail)
    this.retryAt = retryAt
  }
}

/** Ends a call that would fail again. It does not leave this folder. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: AccessRefusal['code']
  constructor(code: AccessRefusal['code'], detail: string) {
    super(detail)
    this.code = code
  }
}

/** The answer of a call, or what ended it as a value. Whatever else is thrown passes. */
export async function settled<T>(call: () => Promise<T>): Promise<T | NotDone> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', code: error.code, detail: error.message }
    if (error instanceof Unavailable) return unavailable(error)
    throw error
  }
}

const unavailable = ({ retryAt, message }: Unavailable): AccessUnavailable => ({
  kind: 'unavailable',
  retryAt,
  detail: message,
})
