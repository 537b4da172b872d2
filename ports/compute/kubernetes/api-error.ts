import { z } from 'zod'
import { retryAfterMs as readRetryAfter } from '../retry-after.ts'

/** What the cluster answered, or why it did not. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** `null`: nothing is known of what the call did. */
  readonly status: number | null
  /** The cluster's own word for it: `AlreadyExists`. */
  readonly reason: string
  readonly causes: readonly string[]
  /** How long it asks to be left alone. */
  readonly retryAfterMs: number | null
  constructor(status: number | null, detail: string, more: Partial<Omit<ApiError, keyof Error | 'status'>> = {}) {
    super(detail.slice(0, 500))
    this.status = status
    this.reason = more.reason ?? ''
    this.causes = more.causes ?? []
    this.retryAfterMs = more.retryAfterMs ?? null
  }
}

export const isStatus = (error: unknown, status: number): error is ApiError =>
  error instanceof ApiError && error.status === status

const statusShape = z.object({
  kind: z.literal('Status'),
  reason: z.string().default(''),
  message: z.string().default(''),
  details: z
    .object({
      retryAfterSeconds: z.number().optional(),
      causes: z
        .array(z.object({ reason: z.string().default('') }))
        .nullish()
        .transform((causes) => causes ?? []),
    })
    .optional(),
})

/** An answer that is no success. One that is not in the cluster's own words comes from somebody between. */
export function errorOf(status: number, body: string, retryAfter: string | undefined): ApiError {
  const parsed = statusShape.safeParse(json(body))
  const told = parsed.success ? parsed.data : null
  const seconds = told?.details?.retryAfterSeconds
  const retryAfterMs = readRetryAfter(retryAfter ?? (seconds === undefined ? null : `${Math.trunc(seconds)}`))
  if (told === null)
    return new ApiError(foreignStatus(status), `HTTP ${status}, and no word of a cluster`, { retryAfterMs })
  const causes = told.details?.causes.map(({ reason }) => reason) ?? []
  return new ApiError(status, `${told.reason}: ${told.message}`, { reason: told.reason, causes, retryAfterMs })
}

/** "Not found" and its like mean something only when the cluster itself says them. */
const foreignStatus = (status: number): number | null =>
  status === 401 || status === 429 || status >= 500 ? status : null

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
