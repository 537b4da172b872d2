import type { z } from '@hono/zod-openapi'
import { getAccount } from '../../db/accounts.ts'
import type { Db } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { holdBearer } from '../../db/bearers.ts'
import type { Trx } from '../../db/connect.ts'
import { isLeaving } from '../../db/leaving.ts'
import { createToken, getToken, revokeToken } from '../../db/tokens.ts'
import type { Token } from '../../db/tokens.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, TokenId } from '../../domain/ids.ts'
import { isAdmin, strongScopes } from '../../domain/authorization.ts'
import type { Actor, Scope } from '../../domain/authorization.ts'
import { change, createOnce } from '../changes.ts'
import type { Deed, Principal } from '../env.ts'
import { accountLeaves, invalid, notFound, Problem } from '../problem.ts'
import type { TokenCreate } from './schemas.ts'

const dayMs = 24 * 60 * 60 * 1_000
const longestMs = 365 * dayMs
const usualMs = 30 * dayMs

export type Issued =
  | { readonly kind: 'made'; readonly token: Token; readonly secret: string }
  | { readonly kind: 'shown'; readonly token: Token }

/** Makes a token. The secret is in the first answer only: it is nowhere kept. */
export async function issueToken(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  principal: Principal,
  asked: z.output<typeof TokenCreate>,
): Promise<Issued> {
  const id = newId('token')
  const accountId = asked.accountId ?? principal.accountId
  const outcome = await createOnce(db, deed, intent, { kind: 'token', id }, async () => {
    checkScopes(principal.actor, asked.scopes)
    if (asked.issuer !== undefined && !asked.scopes.includes('act-as'))
      throw invalid('/issuer', 'Only a token that acts for others is bound to an issuer: expected the scope act-as.')
    const expiresAt = expiryOf(asked.expiresAt, Date.now())
    await checkAccount(db, principal, accountId)
    return async (trx) => {
      await holdCaller(trx, principal, accountId)
      if (await isLeaving(trx, accountId)) throw accountLeaves()
      return await createToken(trx, {
        id,
        accountId,
        client: asked.client,
        name: asked.name,
        scopes: [...new Set(asked.scopes)],
        expiresAt,
        issuer: asked.issuer ?? null,
      })
    }
  })
  const token = await getToken(db, outcome.id)
  if (token === null) throw notFound('token')
  return outcome.made === null ? { kind: 'shown', token } : { kind: 'made', token, secret: outcome.made }
}

/** Ends a token at once. */
export async function revoke(db: Db, deed: Deed, id: TokenId): Promise<void> {
  await change(db, deed, { kind: 'token', id }, (trx) => revokeToken(trx, id))
}

/** They are machines' alone: no admin who gives them needs them, and no browser has them. */
const forMachines: readonly Scope[] = ['act-as', 'provision']

/** Whether the caller may give a token this scope: what it has itself, and what is strong only as an admin. */
export function mayGive(actor: Actor, scope: Scope): boolean {
  if (strongScopes.includes(scope) && !isAdmin(actor)) return false
  return actor.scopes.includes(scope) || (forMachines.includes(scope) && actor.scopes.includes('admin'))
}

/** Nobody gives what they do not have. Throws 403. */
export function checkScopes(actor: Actor, asked: readonly Scope[]): void {
  const beyond = asked.filter((scope) => !mayGive(actor, scope))
  if (beyond.length > 0)
    throw new Problem('forbidden', `You cannot give what you do not have: ${beyond.join(', ')}.`, {
      errors: [{ in: 'body', pointer: '/scopes', message: `Not yours to give: ${beyond.join(', ')}.` }],
    })
}

/** Keeps whoever asks, and for whom, from being disabled before the transaction ends. Throws 401 where the caller was. */
export async function holdCaller(trx: Trx, { actedBy, tokenId }: Principal, owner: AccountId): Promise<void> {
  if (!(await holdBearer(trx, { accountId: actedBy, tokenId }, owner)))
    throw new Problem('unauthenticated', 'What you are signed in by has ended meanwhile.')
}

/** When it ends; 30 days from now where nothing is said. Throws 422. */
export function expiryOf(asked: Date | undefined, now: number): Date {
  const at = asked?.getTime() ?? now + usualMs
  if (at <= now) throw invalid('/expiresAt', 'Expected a time in the future.')
  if (at > now + longestMs) throw invalid('/expiresAt', 'Expected at most a year from now.')
  return new Date(at)
}

/** Only an admin makes anything that signs in for another account. Throws 403, 422. */
export async function checkAccount(db: Db, { actor, accountId }: Principal, wanted: AccountId): Promise<void> {
  if (wanted === accountId) return
  if (!isAdmin(actor) || !actor.scopes.includes('admin'))
    throw new Problem('forbidden', 'Only an admin makes this for another account.')
  const account = await getAccount(db, wanted)
  if (account === null || account.disabledAt !== null) throw invalid('/accountId', 'There is no such active account.')
}
