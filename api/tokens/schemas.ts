import { z } from '@hono/zod-openapi'
import type { Token } from '../../db/tokens.ts'
import { scopes } from '../../domain/authorization.ts'
import { id, idOf, iso, isoOrNull, line, moment, nullableTime, slug, time } from '../fields.ts'

export const TokenCreate = z
  .strictObject({
    name: line(100),
    client: slug(32).default('api').openapi({
      description: 'Which program will use it: idempotency keys and rate limits count per account and client',
    }),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
    expiresAt: moment.optional().openapi({ description: 'At most a year from now; 30 days when left out' }),
    issuer: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .optional()
      .openapi({
        description:
          'With `act-as`: the one issuer whose accounts it acts for and vouches for, exactly as that calls itself; any when left out',
      }),
    accountId: idOf('account').optional().openapi({ description: 'For whom; only an admin names another account' }),
  })
  .openapi('TokenCreate')

export const TokenDocument = z
  .object({
    id,
    accountId: id,
    name: z.string(),
    client: z.string(),
    scopes: z.array(z.string()),
    createdAt: time,
    expiresAt: time,
    lastUsedAt: nullableTime.openapi({ description: 'To the minute' }),
    revokedAt: nullableTime,
    issuer: z.string().nullable().openapi({ description: 'Of one with `act-as`: whose accounts alone' }),
  })
  .openapi('Token')

export const TokenCreated = TokenDocument.extend({
  secret: z.string().openapi({ description: 'Shown once', example: 'carrel_…' }),
}).openapi('TokenCreated')

export const TokenShown = TokenDocument.extend({ secretShown: z.literal(true) }).openapi('TokenShown')

export const presentToken = (token: Token): z.infer<typeof TokenDocument> => ({
  id: token.id,
  accountId: token.accountId,
  name: token.name,
  client: token.client,
  scopes: [...token.scopes],
  createdAt: iso(token.createdAt),
  expiresAt: iso(token.expiresAt),
  lastUsedAt: isoOrNull(token.lastUsedAt),
  revokedAt: isoOrNull(token.revokedAt),
  issuer: token.issuer,
})
