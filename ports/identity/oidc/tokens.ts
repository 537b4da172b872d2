import { z } from 'zod'
import type { IssuerTokens } from '../identity-provider.ts'
import type { OidcSettings } from './settings.ts'

const kept = z.object({
  idToken: z.string().optional(),
  access: z.string().optional(),
  refresh: z.string().optional(),
})
/** What is kept of what an issuer gave. */
export type Kept = z.output<typeof kept>

export const readTokens = (tokens: IssuerTokens): Kept => (tokens === '' ? {} : kept.parse(JSON.parse(tokens)))
export const writeTokens = (tokens: Kept): IssuerTokens => JSON.stringify(tokens)

/** An answer of a token endpoint, as far as it matters here. */
export interface TokenAnswer {
  readonly access_token: string
  readonly refresh_token?: string | undefined
  readonly id_token?: string | undefined
  readonly [more: string]: unknown
}

const groupsServer = 'groups.api.globus.org'
const others = z.array(
  z.object({ access_token: z.string(), refresh_token: z.string().optional(), resource_server: z.string() }),
)

/** What is needed to ask for groups: the issuer's own tokens, or, of Globus, those that are for its list of groups. */
export function groupTokens(answer: TokenAnswer, settings: OidcSettings): Pick<Kept, 'access' | 'refresh'> {
  if (settings.groups?.source === 'globus') {
    const listed = others.safeParse(answer['other_tokens'])
    const found = listed.success ? listed.data.find((one) => one.resource_server === groupsServer) : undefined
    if (found !== undefined) return pick(found)
  }
  return pick(answer)
}

const pick = ({
  access_token: access,
  refresh_token: refresh,
}: Pick<TokenAnswer, 'access_token' | 'refresh_token'>) => ({
  access,
  ...(refresh === undefined ? {} : { refresh }),
})
