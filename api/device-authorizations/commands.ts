import { randomBytes } from 'node:crypto'
import { beginDevice, answerDevice, findDevice, lockDevice } from '../../db/device-authorizations.ts'
import type { DeviceAuthorization } from '../../db/device-authorizations.ts'
import type { Scope } from '../../domain/authorization.ts'
import { deviceScopes, grantedScopes, namedScopes, newUserCode, readUserCode } from '../../domain/device.ts'
import { readScopes } from '../../domain/exchange.ts'
import { newId } from '../../domain/ids.ts'
import { change } from '../changes.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { invalid, notFound, Problem } from '../problem.ts'
import { addressOf } from '../sign-in/address.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'
import { checkScopes, holdCaller, mayGive } from '../tokens/commands.ts'
import type { Refusal } from '../token/answers.ts'
import { createGuesses } from './guesses.ts'

const guesses = createGuesses()

/** The digest that a person's code is kept by, however it was typed. `null`: it is no code. */
function digestOf(c: AppContext, typed: string): string | null {
  const code = readUserCode(typed)
  if (code === null) return null
  const digest = c.var.services.digest(`device sign-in\n${code}`)
  if (digest === undefined) throw new Error('There is no current key for codes.')
  return digest
}

export interface Begun {
  readonly deviceCode: string
  readonly userCode: string
}

/** Begins the sign-in of a program. */
export async function begin(
  c: AppContext,
  deps: SignInDeps,
  form: Readonly<Record<string, string>>,
): Promise<Begun | Refusal> {
  const { client_id: client, scope } = form
  if (client === undefined || !/^[a-z][a-z0-9-]{0,31}$/.test(client))
    return { error: 'invalid_request', description: 'Send a client_id of lower-case letters, digits and dashes.' }
  const usual = deviceScopes.filter((one) => !namedScopes.includes(one))
  const scopes = readScopes(scope, deviceScopes, usual)
  if (scopes === null) return { error: 'invalid_scope', description: `Ask for some of: ${deviceScopes.join(' ')}.` }
  for (;;) {
    const userCode = newUserCode(randomBytes)
    const begun: Begun = { deviceCode: randomBytes(32).toString('base64url'), userCode }
    const made = await beginDevice(c.var.services.db, {
      tokenId: newId('token'),
      deviceCode: begun.deviceCode,
      userDigest: digestOf(c, userCode) ?? '',
      client,
      scopes,
      userAgent: c.req.header('user-agent') ?? null,
      address: addressOf(c, deps),
    })
    if (made === 'begun') return begun
  }
}

/** What asks to be let in under a code. Throws 404, and 429 for guesses. */
export async function show(c: AppContext, typed: string): Promise<DeviceAuthorization> {
  const { services, principal } = c.var
  const digest = digestOf(c, typed)
  const found = await guesses.counted(principal.accountId, async () =>
    digest === null ? null : await findDevice(services.db, digest),
  )
  if (found === null) throw nobody()
  return found
}

/** Lets it in, with what is named of what it asks for, and no more than the caller may give. Throws 403, 404, 422, 429. */
export async function approve(c: AppContext, typed: string, named: readonly Scope[] | null): Promise<void> {
  const { actor } = c.var.principal
  await answer(c, typed, ({ scopes: asked }) => {
    const beyond = (named ?? []).filter((scope) => !asked.includes(scope))
    if (beyond.length > 0) throw invalid('/scopes', `It did not ask for this: ${beyond.join(', ')}.`)
    checkScopes(actor, named ?? [])
    const given = grantedScopes(asked, named, (scope) => mayGive(actor, scope))
    if (given.length === 0) throw new Problem('forbidden', 'There is nothing of what it asks for that you could give.')
    return given
  })
}

/** Refuses it. Throws 404, and 429 for guesses. */
export async function deny(c: AppContext, typed: string): Promise<void> {
  await answer(c, typed, () => null)
}

async function answer(
  c: AppContext,
  typed: string,
  decide: (asked: DeviceAuthorization) => readonly Scope[] | null,
): Promise<void> {
  const { services, principal } = c.var
  const { tokenId } = await show(c, typed)
  await change(services.db, deedOf(c), { kind: 'token', id: tokenId }, async (trx) => {
    await holdCaller(trx, principal, principal.accountId)
    // Somebody else may have answered since it was looked up.
    const asked = await lockDevice(trx, digestOf(c, typed) ?? '')
    if (asked === null) throw nobody()
    await answerDevice(trx, asked.tokenId, principal.accountId, decide(asked))
  })
}

const nobody = () => notFound('code: it is mistyped, older than ten minutes, or was answered')
