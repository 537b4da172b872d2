import { z } from 'zod'
import type { OfficeAway, OwnResources, Recognised, UserOffice } from '../user-office.ts'
import { isOfficeLogin } from '../user-office.ts'
import { createPost, usualPostSettings } from './post-json.ts'
import type { Posted, PostSettings } from './post-json.ts'

export interface OfficeSettings {
  readonly passwords: { readonly url: string } | null
  readonly umbrella: { readonly url: string } | null
  readonly isAuthorized: { readonly url: string; readonly username: string; readonly password: string } | null
  /** It takes Ada and ada for the same person. */
  readonly caseInsensitive: boolean
}

const Whose = z.object({ login: z.string().refine(isOfficeLogin) })
const Verdict = z.object({ result: z.boolean() })

const refused = { kind: 'refused' } as const
const unfit = (detail: string): OfficeAway => ({ kind: 'unavailable', detail })
/** What it says to whom it does not know, or cannot make out. */
const refusals: readonly number[] = [400, 401, 403, 404]

/** The facility's account system, over HTTP. Each question is one request. */
export function createUserOffice(settings: OfficeSettings, post: PostSettings = usualPostSettings): UserOffice {
  const { passwords, umbrella, isAuthorized, caseInsensitive } = settings
  const folded = (name: string) => (caseInsensitive ? name.toLowerCase() : name)
  return {
    byPassword: passwords === null ? null : createByPassword(passwords.url, folded, post),
    byHash: umbrella === null ? null : createByHash(umbrella.url, folded, post),
    mayUseResources: isAuthorized === null ? null : createMayUse(isAuthorized, post),
  }
}

type Fold = (name: string) => string

function createByPassword(url: string, folded: Fold, settings: PostSettings): NonNullable<UserOffice['byPassword']> {
  const post = createPost(url, {}, settings)
  return async (name, password) => {
    if (!isOfficeLogin(name)) return refused
    return read(await post({ username: name, password }), (): Recognised => ({
      kind: 'known',
      officeLogin: folded(name),
    }))
  }
}

function createByHash(url: string, folded: Fold, settings: PostSettings): NonNullable<UserOffice['byHash']> {
  const post = createPost(url, {}, settings)
  return async (hash) =>
    read(await post({ eaa_hash: hash }), (body): Recognised => {
      const said = Whose.safeParse(body)
      return said.success ? { kind: 'known', officeLogin: folded(said.data.login) } : unfit('Its answer has no login.')
    })
}

function createMayUse(
  { url, username, password }: NonNullable<OfficeSettings['isAuthorized']>,
  settings: PostSettings,
): NonNullable<UserOffice['mayUseResources']> {
  const credentials = Buffer.from(`${username}:${password}`).toString('base64')
  const post = createPost(url, { authorization: `Basic ${credentials}` }, settings)
  return async (login) =>
    read(await post({ login }), (body): OwnResources => {
      const said = Verdict.safeParse(body)
      return said.success && said.data.result ? { kind: 'authorized' } : refused
    })
}

/** A 200 means what `known` makes of it; a refusal is one; anything else is nothing that was agreed. */
function read<T>(posted: Posted, known: (body: unknown) => T): T | typeof refused | OfficeAway {
  if (posted.kind === 'away') return unfit(posted.detail)
  if (posted.status === 200) return known(posted.body)
  return refusals.includes(posted.status) ? refused : unfit(`It answered ${posted.status}.`)
}
