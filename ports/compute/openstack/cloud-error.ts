/** What a service answered, or why it did not. `status: null`: nothing is known of what the call did. */
export class CloudError extends Error {
  override readonly name = 'CloudError'
  readonly status: number | null
  readonly retryAfterMs: number | null
  /** It is what this kind of service says of a thing that is not there, and no stray 404 from before it. */
  readonly gone: boolean
  /** `detail` is for operators, in the service's words; capped. */
  constructor(status: number | null, detail: string, more: { retryAfterMs?: number | null; gone?: boolean } = {}) {
    super(detail.replaceAll(/\s+/g, ' ').trim().slice(0, 500))
    this.status = status
    this.retryAfterMs = more.retryAfterMs ?? null
    this.gone = more.gone ?? false
  }
}
