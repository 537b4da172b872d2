import type { z } from '@hono/zod-openapi'
import type { Db } from '../../db/connect.ts'
import { createHawkKey, getHawkKey, newHawkSecret, revokeHawkKey } from '../../db/hawk-keys.ts'
import type { HawkKey } from '../../db/hawk-keys.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { isLeaving } from '../../db/leaving.ts'
import { newId } from '../../domain/ids.ts'
import type { TokenId } from '../../domain/ids.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { accountLeaves, notFound } from '../problem.ts'
import { checkAccount, checkScopes, expiryOf, holdCaller } from '../tokens/commands.ts'
import type { HawkKeyCreate } from './schemas.ts'

/** `secret`: `null` where the key was made before, and so shown. */
export interface IssuedKey {
  readonly key: HawkKey
  readonly secret: string | null
}

/** Makes a key, within what the caller may give. What requests are signed with is in the first answer only. */
export async function issueHawkKey(
  { db, hawk }: Pick<Services, 'db' | 'hawk'>,
  deed: Deed,
  intent: IntentKey,
  principal: Principal,
  asked: z.output<typeof HawkKeyCreate>,
): Promise<IssuedKey> {
  const id = newId('token')
  const accountId = asked.accountId ?? principal.accountId
  const outcome = await createOnce(db, deed, intent, { kind: 'hawk_key', id }, async () => {
    checkScopes(principal.actor, asked.scopes)
    const expiresAt = expiryOf(asked.expiresAt, Date.now())
    await checkAccount(db, principal, accountId)
    return async (trx) => {
      await holdCaller(trx, principal, accountId)
      if (await isLeaving(trx, accountId)) throw accountLeaves()
      const secret = newHawkSecret()
      const { client, name } = asked
      const made = { id, accountId, client, name, scopes: [...new Set(asked.scopes)], expiresAt }
      await createHawkKey(trx, made, hawk.seal(id, secret))
      return secret
    }
  })
  const key = await getHawkKey(db, outcome.id)
  if (key === null) throw notFound('key')
  return { key, secret: outcome.made }
}

/** Ends a key at once, and forgets what requests were signed with. */
export async function revokeKey(db: Db, deed: Deed, id: TokenId): Promise<void> {
  await change(db, deed, { kind: 'hawk_key', id }, (trx) => revokeHawkKey(trx, id))
}
