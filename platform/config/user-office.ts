import { z } from 'zod'
import { cidr, json, secretOf, short, urlOf } from './fields.ts'

const webUrl = urlOf(['http', 'https'], 'https://host[:port]/path')

const office = z.strictObject({
  issuer: short(500),
  name: short(100).default('User office'),
  passwords: z.strictObject({ url: webUrl }).optional(),
  umbrella: z
    .strictObject({
      url: webUrl,
      proxies: z.array(cidr).min(1, { error: 'must name the proxies whose headers are taken' }).max(50),
    })
    .optional(),
  isAuthorized: z
    .strictObject({
      url: webUrl,
      username: short(500),
      password: short(2_000).optional(),
      passwordFile: short(4_096).optional(),
    })
    .optional(),
  caseInsensitive: z.boolean().default(false),
  firstSignIn: z
    .strictObject({ rule: z.enum(['open', 'invitation'], { error: 'must be open or invitation' }) })
    .default({ rule: 'invitation' }),
})
type Office = z.output<typeof office>
type Report = (place: readonly string[], message: string) => void

function check(given: Office, isDevelopment: boolean, publicUrl: string | undefined, report: Report): void {
  for (const part of ['passwords', 'umbrella', 'isAuthorized'] as const)
    if (!isDevelopment && given[part]?.url.startsWith('http:'))
      report([part, 'url'], 'must be https outside development')
  const signsIn = given.passwords !== undefined || given.umbrella !== undefined
  if (signsIn && !isDevelopment && publicUrl?.startsWith('https:') !== true)
    report([], 'needs CARREL_PUBLIC_URL as https: its cookies are for that host alone')
  const { password, passwordFile } = given.isAuthorized ?? {}
  if (given.isAuthorized === undefined) return
  if ((password === undefined) === (passwordFile === undefined))
    report(['isAuthorized', 'password'], 'must be set, or passwordFile, and not both')
  if (passwordFile !== undefined && secretOf(passwordFile) === null)
    report(['isAuthorized', 'passwordFile'], 'must name a readable file that holds the password alone')
}

const settingsOf = (given: Office) => ({
  issuer: given.issuer,
  name: given.name,
  passwords: given.passwords ?? null,
  umbrella: given.umbrella ?? null,
  isAuthorized:
    given.isAuthorized === undefined
      ? null
      : {
          url: given.isAuthorized.url,
          username: given.isAuthorized.username,
          password: given.isAuthorized.password ?? secretOf(given.isAuthorized.passwordFile) ?? '',
        },
  caseInsensitive: given.caseInsensitive,
  firstSignIn: given.firstSignIn,
})

/** The facility's own account system, where it signs people in or says who may start what. */
export const userOfficePart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_PUBLIC_URL: z.string().optional(),
    CARREL_USER_OFFICE: json(office).optional(),
  })
  .superRefine((env, context) => {
    const given = env.CARREL_USER_OFFICE
    if (given === undefined) return
    check(given, env.CARREL_ENV === 'development', env.CARREL_PUBLIC_URL, (place, message) =>
      context.addIssue({ code: 'custom', path: ['CARREL_USER_OFFICE', ...place], message }),
    )
  })
  .transform((env) => (env.CARREL_USER_OFFICE === undefined ? null : settingsOf(env.CARREL_USER_OFFICE)))
