/** What a service answered, or why it did not. `status: null`: nothing is known of what the call did. */
export class CloudError extends Error {
  override readonly name = 'CloudError'
  readonly status: number | null
  readonly retryAfterMs: number | null
  /** It is what this kind of service says of a thing that is not there, and no stray 404 from before it. */
  readonly gone: boolean
  /** The service itself says why: it is no answer of somebody who stands before it. */
  readonly told: boolean
  /** `detail` is for operators, in the service's words; capped. */
  constructor(
    status: number | null,
    detail: string,
    more: { readonly retryAfterMs?: number | null; readonly gone?: boolean; readonly told?: boolean } = {},
  ) {
    super(detail.replaceAll(/\s+/g, ' ').trim().slice(0, 500))
    this.status = status
    this.retryAfterMs = more.retryAfterMs ?? null
    this.gone = more.gone ?? false
    this.told = more.told ?? false
  }
}
