import { z } from '@hono/zod-openapi'
import { asksOf } from '../../db/terms.ts'
import type { TermsStanding } from '../../db/terms.ts'
import { isoOrNull, line, nullableTime } from '../fields.ts'

const webAddress = z
  .url({ protocol: /^https?$/, error: 'Expected an address on the web.' })
  .max(2_000)
  .nullable()
  .default(null)

export const TermsPut = z
  .strictObject({
    title: line(200),
    text: z.string().trim().min(1).max(200_000).nullable().default(null),
    url: webAddress,
  })
  .openapi('TermsPut')

export const TermsAcceptance = z
  .strictObject({ version: z.int().min(1).openapi({ description: 'The version that was read and is accepted' }) })
  .openapi('TermsAcceptance')

export const TermsDocument = z
  .object({
    version: z.int().openapi({ description: '0: there never were any' }),
    title: z.string().nullable(),
    text: z.string().nullable(),
    url: z.string().nullable(),
    since: nullableTime,
    required: z.boolean().openapi({ description: 'Whether they ask anything of anybody' }),
    acceptedAt: nullableTime.openapi({ description: 'When you accepted this very version' }),
  })
  .openapi('Terms')

export const presentTerms = ({ terms, acceptedAt }: TermsStanding): z.infer<typeof TermsDocument> => ({
  version: terms?.version ?? 0,
  title: terms?.title ?? null,
  text: terms?.text ?? null,
  url: terms?.url ?? null,
  since: isoOrNull(terms?.since ?? null),
  required: terms !== null && asksOf(terms),
  acceptedAt: isoOrNull(acceptedAt),
})
