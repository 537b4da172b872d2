import { z } from 'zod'
import { groupsStaleSeconds, usualSessionLimits } from '../../domain/sign-in.ts'
import { cidr, json, jsonFile, listOf, secretOf, short, urlOf, wholeNumber } from './fields.ts'
import { presets } from './issuer-presets.ts'

const claim = short(200)
const names = (what: string) =>
  z
    .array(short(200))
    .min(1, { error: `must name at least one ${what}` })
    .max(1_000)
const webUrl = urlOf(['http', 'https'], 'http(s)://host[:port]/path')

const firstSignIn = z.discriminatedUnion(
  'rule',
  [
    z.strictObject({ rule: z.literal('open') }),
    z.strictObject({
      rule: z.literal('domain'),
      domains: z
        .array(z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, { error: 'must be a domain in lower case' }))
        .min(1, { error: 'must name at least one domain' })
        .max(1_000),
    }),
    z.strictObject({ rule: z.literal('group'), groups: names('group') }),
    z.strictObject({ rule: z.literal('invitation') }),
  ],
  { error: 'must have the rule open, domain, group or invitation' },
)

/** What no issuer is called: ways in with addresses of their own, beside those of issuers. */
const otherWays: readonly string[] = ['user-office', 'umbrella']

const entry = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'must match [a-z][a-z0-9-]{0,31}' })
    .refine((id) => !otherWays.includes(id), {
      error: ({ input }) => `must not be ${String(input)}: that is a way in of its own`,
    }),
  name: short(100),
  preset: z.enum(['surfconext', 'keycloak', 'globus'], { error: 'must be surfconext, keycloak or globus' }).optional(),
  issuer: webUrl.optional(),
  clientId: short(500),
  clientSecret: short(2_000).optional(),
  clientSecretFile: short(4_096).optional(),
  clientAuthentication: z
    .enum(['client_secret_basic', 'client_secret_post'], { error: 'must be client_secret_basic or client_secret_post' })
    .optional(),
  scopes: z.array(short(500)).max(50).optional(),
  nameClaim: claim.optional(),
  organisationClaim: claim.optional(),
  posixClaim: claim.optional(),
  login: z
    .strictObject({
      claim,
      authoritative: z.literal(true, {
        error: 'must be true: this issuer alone decides who has which login at the user office',
      }),
    })
    .optional(),
  emailsAreVerified: z.boolean().default(false),
  groups: z.union([z.strictObject({ claim }), z.strictObject({ globus: webUrl })]).optional(),
  /** Only who is in one of them signs in. */
  allowedGroups: names('group').optional(),
  /** So long its last word on groups lets programs go on. */
  programsHoldMinutes: z
    .int()
    .min(15)
    .max(30 * 24 * 60)
    .default(groupsStaleSeconds / 60),
  firstSignIn: firstSignIn.default({ rule: 'invitation' }),
  /** Whose tokens portals may exchange. */
  exchange: z
    .strictObject({ audiences: names('audience').default([]), clients: names('client').default([]) })
    .refine(({ audiences, clients }) => audiences.length + clients.length > 0, {
      error: 'must name audiences of access tokens, clients of ID tokens, or both',
    })
    .optional(),
})
const list = z.array(entry).max(50)
type Entry = z.output<typeof entry>

/** An issuer as the site configures it, with what its preset says. */
export type IssuerConfig = ReturnType<typeof issuerOf>

function issuerOf(given: Entry) {
  const preset = given.preset === undefined ? {} : presets[given.preset]
  const groups = given.groups ?? preset.groups
  return {
    id: given.id,
    name: given.name,
    issuer: given.issuer ?? preset.issuer ?? '',
    clientId: given.clientId,
    clientSecret: given.clientSecret ?? secretOf(given.clientSecretFile),
    clientAuthentication: given.clientAuthentication ?? 'client_secret_basic',
    scopes: given.scopes ?? preset.scopes ?? ['openid', 'profile', 'email'],
    claims: {
      name: given.nameClaim ?? 'name',
      organisation: given.organisationClaim ?? preset.organisationClaim ?? null,
      officeLogin: given.login?.claim ?? null,
      posix: given.posixClaim ?? null,
    },
    emailsAreVerified: given.emailsAreVerified,
    groups: groups === undefined ? null : sourceOf(groups),
    allowedGroups: given.allowedGroups ?? null,
    programsHoldMinutes: given.programsHoldMinutes,
    firstSignIn: given.firstSignIn,
    exchange: given.exchange ?? null,
  } as const
}

const sourceOf = (groups: NonNullable<Entry['groups']>) =>
  'globus' in groups
    ? ({ source: 'globus', url: groups.globus } as const)
    : ({ source: 'claim', claim: groups.claim } as const)

type Report = (place: readonly (string | number)[], message: string) => void

function checkEntry(given: Entry, plainHttp: boolean, report: Report): void {
  const made = issuerOf(given)
  if (made.issuer === '') report(['issuer'], 'is required: exactly as the issuer calls itself')
  if (made.issuer.startsWith('http:') && !plainHttp) report(['issuer'], 'must be https outside development')
  if (made.groups?.source === 'globus' && made.groups.url.startsWith('http:') && !plainHttp)
    report(['groups', 'globus'], 'must be https outside development')
  if (given.clientSecret !== undefined && given.clientSecretFile !== undefined)
    report(['clientSecret'], 'must not be set together with clientSecretFile')
  if (given.clientSecretFile !== undefined && made.clientSecret === null)
    report(['clientSecretFile'], 'must name a readable file that holds the secret alone')
  if (!made.scopes.includes('openid')) report(['scopes'], 'must include openid')
  const usesGroups = made.allowedGroups !== null || made.firstSignIn.rule === 'group'
  if (usesGroups && made.groups === null) report(['groups'], 'is required where groups decide: where they are found')
  if (made.exchange !== null && made.allowedGroups !== null && made.groups?.source === 'globus')
    report(['exchange'], 'must not be set with allowedGroups of a list elsewhere: tokens do not say the groups')
}

/** An address that people may be sent back to: compared as a whole. */
const returnUrl = z.string().refine(isReturnUrl, {
  error: 'must be whole addresses such as https://portal.example.org/signed-in, without a fragment or credentials',
})

function isReturnUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (
    /^https?:$/.test(url.protocol) && url.href === text && url.hash === '' && url.username === '' && url.password === ''
  )
}

/** Who vouches for people, where they go afterwards, and how long their browsers stay signed in. */
export const issuersPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_ISSUERS: json(list).optional(),
    CARREL_ISSUERS_FILE: jsonFile(list).optional(),
    CARREL_RETURN_URLS: listOf(returnUrl).default([]),
    CARREL_BROWSER_IDLE_MINUTES: wholeNumber(5, 7 * 24 * 60).default(usualSessionLimits.idleSeconds / 60),
    CARREL_BROWSER_HOURS: wholeNumber(1, 31 * 24).default(usualSessionLimits.absoluteSeconds / 3_600),
    CARREL_SIGN_IN_LIMIT_PER_MINUTE: wholeNumber(1, 1_000_000).default(120),
    CARREL_TOKEN_LIMIT_PER_MINUTE: wholeNumber(1, 1_000_000).default(600),
    CARREL_DEVICE_TOKEN_DAYS: wholeNumber(1, 90).default(30),
    CARREL_API_TRUSTED_PROXIES: listOf(cidr).default([]),
    CARREL_PUBLIC_URL: webUrl.optional(),
  })
  .superRefine((env, context) => {
    const plainHttp = env.CARREL_ENV === 'development'
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (env.CARREL_ISSUERS !== undefined && env.CARREL_ISSUERS_FILE !== undefined)
      fault(['CARREL_ISSUERS'], 'must not be set together with CARREL_ISSUERS_FILE')
    const [key, all] =
      env.CARREL_ISSUERS === undefined
        ? (['CARREL_ISSUERS_FILE', env.CARREL_ISSUERS_FILE ?? []] as const)
        : (['CARREL_ISSUERS', env.CARREL_ISSUERS] as const)
    for (const [index, given] of all.entries())
      checkEntry(given, plainHttp, (place, message) => fault([key, index, ...place], message))
    for (const name of ['id', 'issuer'] as const) {
      const seen = all.map((given) => issuerOf(given)[name])
      if (new Set(seen).size < seen.length) fault([key], `must name each ${name} once`)
    }
    if (all.length === 0) return
    if (env.CARREL_RETURN_URLS.length === 0)
      fault(['CARREL_RETURN_URLS'], 'is required where there are issuers: where people go once they are signed in')
    if (plainHttp) return
    if (env.CARREL_PUBLIC_URL?.startsWith('https:') !== true)
      fault(['CARREL_PUBLIC_URL'], 'is required as https where there are issuers: browsers come back there')
    if (env.CARREL_RETURN_URLS.some((url) => url.startsWith('http:')))
      fault(['CARREL_RETURN_URLS'], 'must be https outside development')
  })
  .transform((env) => ({
    issuers: [...(env.CARREL_ISSUERS ?? []), ...(env.CARREL_ISSUERS_FILE ?? [])].map(issuerOf),
    returnUrls: env.CARREL_RETURN_URLS,
    limits: {
      idleSeconds: env.CARREL_BROWSER_IDLE_MINUTES * 60,
      absoluteSeconds: env.CARREL_BROWSER_HOURS * 3_600,
    },
    signInsPerMinute: env.CARREL_SIGN_IN_LIMIT_PER_MINUTE,
    tokensPerMinute: env.CARREL_TOKEN_LIMIT_PER_MINUTE,
    deviceTokenDays: env.CARREL_DEVICE_TOKEN_DAYS,
    trustedProxies: env.CARREL_API_TRUSTED_PROXIES,
    /** Issuers may be without TLS. */
    plainHttp: env.CARREL_ENV === 'development',
  }))
