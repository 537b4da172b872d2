import { z } from 'zod'
import { canonicalEmail } from '../../domain/email.ts'
import { languages } from '../../domain/invitation.ts'
import { listOf, urlOf, wholeNumber } from './fields.ts'

const smtpUrl = urlOf(['smtp', 'smtps'], 'smtp://host[:port] or smtps://host[:port]')
const pageUrl = urlOf(['http', 'https'], 'http(s)://host[:port]/path, without #')
const required = (what: string) => `is required where CARREL_WORKER_ROLES has mail: ${what}`
const isPage = (text: string) => !text.includes('#')

/** `Carrel <carrel@facility.example>`, or the address alone. */
function senderOf(text: string): { readonly name: string; readonly address: string } | null {
  const [, name = '', inner] = /^([^<>]*)<([^<>]+)>$/.exec(text.trim()) ?? []
  const address = canonicalEmail(inner ?? text)
  return address === null ? null : { name: name.trim().replaceAll('"', '') || 'Carrel', address }
}

const sender = z.string().transform((text, context) => {
  const from = senderOf(text)
  if (from !== null) return from
  context.addIssue({
    code: 'custom',
    message: 'must be an e-mail address, or a name and one: Carrel <carrel@site.example>',
  })
  return z.NEVER
})

const hostPort = (url: URL) => ({
  host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
  port: url.port === '' ? (url.protocol === 'smtps:' ? 465 : 587) : Number(url.port),
})

/** How a worker of the role `mail` reaches the site's mail server; `null`: this worker has nothing to do with it. */
export const mailPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_WORKER_ROLES: listOf(z.string()).default([]),
    CARREL_SMTP_URL: smtpUrl.optional(),
    CARREL_SMTP_TLS: z.enum(['starttls', 'none'], { error: 'must be starttls or none' }).optional(),
    CARREL_SMTP_USERNAME: z.string().optional(),
    CARREL_SMTP_PASSWORD: z.string().optional(),
    CARREL_MAIL_FROM: sender.optional(),
  })
  .superRefine((env, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const { CARREL_ENV: environment, CARREL_WORKER_ROLES: roles, ...variables } = env
    if (!roles.includes('mail')) {
      for (const [key] of Object.entries(variables).filter(([, value]) => value !== undefined))
        fault(key, 'must not be set where CARREL_WORKER_ROLES has no mail: it is for that role alone')
      return
    }
    const { CARREL_SMTP_URL: url } = env
    if (url === undefined) fault('CARREL_SMTP_URL', required("the site's mail server"))
    else if (new URL(url).username !== '' || new URL(url).password !== '')
      fault('CARREL_SMTP_URL', 'must hold no user and password: they are CARREL_SMTP_USERNAME and CARREL_SMTP_PASSWORD')
    if (env.CARREL_MAIL_FROM === undefined) fault('CARREL_MAIL_FROM', required('whom mails come from'))
    if ((env.CARREL_SMTP_USERNAME === undefined) !== (env.CARREL_SMTP_PASSWORD === undefined))
      fault('CARREL_SMTP_PASSWORD', 'must be set together with CARREL_SMTP_USERNAME')
    if (env.CARREL_SMTP_TLS !== undefined && url?.startsWith('smtps:') === true)
      fault('CARREL_SMTP_TLS', 'must not be set beside smtps://, which is TLS from the first byte')
    if (env.CARREL_SMTP_TLS === 'none' && env.CARREL_SMTP_PASSWORD !== undefined && environment !== 'development')
      fault('CARREL_SMTP_TLS', 'must be starttls where a password is sent')
  })
  .transform((env) => {
    const { CARREL_SMTP_URL: text, CARREL_MAIL_FROM: from } = env
    if (!env.CARREL_WORKER_ROLES.includes('mail') || text === undefined || from === undefined) return null
    const url = new URL(text)
    const { CARREL_SMTP_USERNAME: user, CARREL_SMTP_PASSWORD: password } = env
    return {
      ...hostPort(url),
      tls: url.protocol === 'smtps:' ? ('implicit' as const) : (env.CARREL_SMTP_TLS ?? 'starttls'),
      auth: user === undefined || password === undefined ? null : { user, password },
      from,
    }
  })

/** How people are invited. Api and mail worker must agree on it. */
export const invitationsPart = z
  .object({
    CARREL_API_HOST: z.string().default('127.0.0.1'),
    CARREL_API_PORT: z.string().default('8080'),
    CARREL_PUBLIC_URL: pageUrl.optional(),
    CARREL_INVITATION_DELIVERY: z.enum(['mail', 'link'], { error: 'must be mail or link' }).default('link'),
    CARREL_INVITATION_URL: pageUrl.refine(isPage, { error: 'must have no #: the code stands behind it' }).optional(),
    CARREL_INVITATION_LANGUAGE: z.enum(languages, { error: `must be ${languages.join(', ')}` }).default('en'),
    CARREL_INVITATION_DAYS: wholeNumber(1, 90).default(14),
    CARREL_INVITATIONS_PER_ACCOUNT: wholeNumber(0, 100_000).default(50),
    CARREL_INVITATIONS_PER_PROJECT: wholeNumber(0, 100_000).default(200),
    CARREL_INVITATIONS_PER_ADDRESS: wholeNumber(0, 100_000).default(10),
  })
  .transform((env) => {
    const base = env.CARREL_PUBLIC_URL ?? `http://${env.CARREL_API_HOST}:${env.CARREL_API_PORT}`
    return {
      delivery: env.CARREL_INVITATION_DELIVERY,
      pageUrl: env.CARREL_INVITATION_URL ?? new URL('invitation', base.endsWith('/') ? base : `${base}/`).href,
      language: env.CARREL_INVITATION_LANGUAGE,
      days: env.CARREL_INVITATION_DAYS,
      rates: {
        perAccount: env.CARREL_INVITATIONS_PER_ACCOUNT,
        perProject: env.CARREL_INVITATIONS_PER_PROJECT,
        perAddress: env.CARREL_INVITATIONS_PER_ADDRESS,
      },
    }
  })
