import { z } from '@hono/zod-openapi'
import type { HawkKey } from '../../db/hawk-keys.ts'
import { scopes } from '../../domain/authorization.ts'
import { id, iso, isoOrNull, time } from '../fields.ts'
import { TokenCreate, TokenDocument } from '../tokens/schemas.ts'

/** For whom it acts stands in a header that no signature covers: whoever can change it on its way would choose. */
const keyScopes = scopes.filter((scope) => scope !== 'act-as')

export const HawkKeyCreate = z
  .strictObject({
    ...TokenCreate.shape,
    scopes: z
      .array(z.enum(keyScopes))
      .min(1)
      .max(keyScopes.length)
      .openapi({ description: 'All but `act-as`: a signature does not cover the header that says for whom' }),
  })
  .openapi('HawkKeyCreate')

export const HawkKeyDocument = z
  .object({
    id: id.openapi({ description: 'The `id` of the `Authorization` header' }),
    accountId: id,
    name: z.string(),
    client: z.string(),
    scopes: z.array(z.string()),
    algorithm: z.literal('sha256'),
    createdAt: time,
    expiresAt: time,
    lastUsedAt: TokenDocument.shape.lastUsedAt,
    revokedAt: TokenDocument.shape.revokedAt,
  })
  .openapi('HawkKey')

export const HawkKeyCreated = HawkKeyDocument.extend({
  secret: z.string().openapi({ description: 'What requests are signed with. Shown once' }),
}).openapi('HawkKeyCreated')

export const HawkKeyShown = HawkKeyDocument.extend({ secretShown: z.literal(true) }).openapi('HawkKeyShown')

export const presentHawkKey = (key: HawkKey): z.infer<typeof HawkKeyDocument> => ({
  id: key.id,
  accountId: key.accountId,
  name: key.name,
  client: key.client,
  scopes: [...key.scopes],
  algorithm: 'sha256',
  createdAt: iso(key.createdAt),
  expiresAt: iso(key.expiresAt),
  lastUsedAt: isoOrNull(key.lastUsedAt),
  revokedAt: isoOrNull(key.revokedAt),
})
