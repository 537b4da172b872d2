import { z } from 'zod'

/** Whose the instances are to make, and how long it may take its time. */
export const handoverSettings = z.strictObject({
  /** The account of the provisioner: it alone is asked, and it alone is believed. */
  provisioner: z.string().regex(/^[a-z][a-z0-9]{1,25}$/, 'the id of an account'),
  /** What nobody has taken so long after it was wanted is not begun any more, and its session fails. */
  takeWithinSeconds: z.int().min(10).max(86_400).default(300),
  /** A provisioner that has not asked for so long counts as away: sessions wait. Its last use is known to the minute. */
  silentAfterSeconds: z.int().min(180).max(86_400).default(300),
})
export type HandoverSettings = z.output<typeof handoverSettings>

export const handoverApiSettings = handoverSettings
export const handoverSecretFields: readonly string[] = []
