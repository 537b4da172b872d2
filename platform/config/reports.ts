import { z } from 'zod'
import { urlOf } from './fields.ts'

const webUrl = urlOf(['http', 'https'], 'http(s)://host[:port]')
const reportPath = 'v1/instance-reports'

/** Where instances report their ports. The pin of their certificate comes that way, so nobody may write it on the way. */
export const reportsPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_REPORT_URL: webUrl.optional(),
    CARREL_PUBLIC_URL: webUrl.optional(),
  })
  .superRefine((env, context) => {
    if (env.CARREL_ENV !== 'development' && env.CARREL_REPORT_URL?.startsWith('http:') === true)
      context.addIssue({ code: 'custom', path: ['CARREL_REPORT_URL'], message: 'must be https outside development' })
  })
  .transform((env) => ({
    /** How callers reach the api; `null`: nobody said. */
    apiUrl: env.CARREL_PUBLIC_URL ?? null,
    /** The whole address; `null`: there is none that instances may be told. */
    url: reportUrl(env.CARREL_REPORT_URL ?? env.CARREL_PUBLIC_URL, env.CARREL_ENV === 'development'),
  }))

function reportUrl(base: string | undefined, plainIsFine: boolean): string | null {
  if (base === undefined || (!plainIsFine && !base.startsWith('https:'))) return null
  return new URL(reportPath, base.endsWith('/') ? base : `${base}/`).href
}
