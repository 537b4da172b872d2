import { z } from '@hono/zod-openapi'
import type { IntentKey } from '../db/idempotency.ts'
import { canonical } from './canonical.ts'
import type { AppContext } from './env.ts'

export const IdempotencyHeaders = z.object({
  'idempotency-key': z
    .string({ error: 'Every request that creates something carries an Idempotency-Key.' })
    .regex(/^[\x21-\x7e]{1,255}$/, 'Expected 1 to 255 visible ASCII characters.')
    .openapi({
      description: 'A new random key for each new intent; the same one for each repeat of it.',
      example: '3f1c6d0e-6c0a-4f0e-9b1e-2a4a7f1d9f5b',
    }),
})

/** What the request wants, as the row of its key remembers it. Call after validation. */
export async function intentOf(c: AppContext): Promise<IntentKey> {
  const { principal, operation, services } = c.var
  const text = `${c.req.path}\n${canonical(await c.req.json())}`
  const bodyHmac = services.digest(text)
  if (bodyHmac === undefined) throw new Error('There is no current key for idempotency.')
  return {
    accountId: principal.accountId,
    client: principal.client,
    operation,
    key: c.req.header('idempotency-key') ?? '',
    bodyHmac,
    isSameBody: (stored) => services.digest(text, stored.slice(0, stored.indexOf(':'))) === stored,
  }
}
