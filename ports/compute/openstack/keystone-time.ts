import { z } from 'zod'

/**
 * A time as Keystone writes it, in ms since the epoch. It is UTC also where it says no zone, as the end of a token does that is
 * cut short by the end of its application credential.
 */
export const keystoneTime = z.string().transform((text, context) => {
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
  if (Number.isNaN(ms)) context.addIssue({ code: 'custom', message: 'no time' })
  return ms
})
