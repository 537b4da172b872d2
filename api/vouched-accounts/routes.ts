import { z } from '@hono/zod-openapi'
import { recordAudit } from '../../db/audit.ts'
import { vouchFor } from '../../db/vouched-accounts.ts'
import { readAccount } from '../accounts/commands.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { id, line } from '../fields.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'

const VouchedAccount = z
  .strictObject({
    subject: z
      .string()
      .regex(/^[\x20-\x7e]{1,255}$/, 'Expected 1 to 255 printable ASCII characters.')
      .openapi({ description: 'What your issuer calls them, for good: never an address or a name that changes hands' }),
    displayName: line(200),
    email: z.email().max(254).optional(),
    emailVerified: z
      .boolean()
      .default(false)
      .openapi({ description: 'You have proven that the address is theirs: invitations to it are theirs to accept' }),
  })
  .openapi('VouchedAccount')

const Vouched = z
  .object({
    id: id.openapi({ description: 'For Carrel-On-Behalf-Of' }),
    displayName: z.string(),
    personalProjectId: id,
    made: z.boolean().openapi({ description: 'This call made it' }),
  })
  .openapi('VouchedFor')

/** The account of whom the caller vouches for, under its own issuer. Throws 403. */
async function vouch(c: AppContext, { subject, displayName, email, emailVerified }: z.output<typeof VouchedAccount>) {
  const { services, principal } = c.var
  const { db, signIn, userOffice } = services
  const { issuer } = principal
  if (issuer === null)
    throw new Problem(
      'forbidden',
      'This token is bound to no issuer: it vouches for nobody. An admin makes one that is.',
    )
  if (emailVerified && email === undefined)
    throw new Problem('invalid_request', 'There is no address that could be verified.', {
      errors: [{ in: 'body', pointer: '/emailVerified', message: 'Expected an email beside it.' }],
    })
  // What an issuer says itself when its people sign in is not changed by those who speak for it, and proven by nobody else.
  const isFinal =
    userOffice?.issuer === issuer || signIn?.issuers.some((one) => one.provider.issuer === issuer) === true
  const vouched = { issuer, subject, displayName, email: email ?? null, emailVerified: emailVerified && !isFinal }
  const outcome = await db.transaction().execute(async (trx) => {
    const found = await vouchFor(trx, vouched, isFinal)
    if (found.kind === 'made')
      await recordAudit(trx, {
        ...deedOf(c),
        subject: { kind: 'account', id: found.accountId },
        outcome: 'accepted',
        detail: { issuer },
      })
    return found
  })
  if (outcome.kind === 'disabled') throw new Problem('forbidden', 'The account is disabled.')
  const account = await readAccount(db, outcome.accountId)
  const { personalProjectId } = account
  return { id: account.id, displayName: account.displayName, personalProjectId, made: outcome.kind === 'made' }
}

const vouchForAccount = route(
  {
    operationId: 'vouchForAccount',
    summary: 'Have an account for somebody whom you vouch for',
    description:
      'For trusted clients: with a token that acts for others and is bound to one issuer. The account of that issuer and `subject`, or a ' +
      'new one; a repeat answers the same account, and notes the name and address anew unless people also sign in with that issuer.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/vouched-accounts',
    right: 'account:vouch',
    about: () => ({ kind: 'account', id: null }),
    request: { body: body(VouchedAccount) },
    responses: { 200: json(Vouched, 'The account') },
  },
  async (c) => c.json(await vouch(c, c.req.valid('json')), 200),
)

export const vouchedAccountRoutes = [vouchForAccount]
