import { z } from 'zod'
import { canonicalEmail } from '../../../domain/email.ts'

const address = z.string().refine((text) => canonicalEmail(text) !== null, 'must be an e-mail address')

/** How the site's mail server is reached. */
export const smtpSettings = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  /** `implicit`: TLS from the first byte; `starttls`: demanded before anything else; `none`: in the clear. */
  tls: z.enum(['implicit', 'starttls', 'none']),
  /** Trusted beside the machine's authorities, PEM. */
  ca: z.string().optional(),
  auth: z.strictObject({ user: z.string(), password: z.string() }).nullable(),
  from: z.strictObject({ name: z.string(), address }),
  /** For one whole try, ms. */
  timeoutMs: z.int().min(1).default(60_000),
})
export type SmtpSettings = z.output<typeof smtpSettings>
