/**
 * A call that brought no usable answer. It does not leave this folder. What the call did is unknown, unless `code` is one by which
 * Slurm says that it did nothing.
 */
export class SlurmFailure extends Error {
  override readonly name = 'SlurmFailure'
  /** Slurm's own number (slurm_errno.h); `null` where there was none. */
  readonly code: number | null
  /** Of the answer; `null`: there was none. */
  readonly status: number | null
  /** Where the answer asked to wait. */
  readonly retryAfterMs: number | null
  /** `detail` is for operators, in the backend's words; capped. */
  constructor(
    detail: string,
    {
      code = null,
      status = null,
      retryAfterMs = null,
    }: Partial<Pick<SlurmFailure, 'code' | 'status' | 'retryAfterMs'>> = {},
  ) {
    super(detail.slice(0, 500))
    this.code = code
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** No good token of one user is to be had, where each has one of their own: that says nothing of the cluster. */
export class NoToken extends SlurmFailure {}

/** The one number by which Slurm says that it knows no such job. */
export const noSuchJob = 2017
