import { parse } from 'yaml'
import { z } from 'zod'
import { isCleanUrl } from '../clean-url.ts'

/** How one signs in at Keystone. */
export type Credentials =
  | { readonly kind: 'application_credential'; readonly id: string; readonly secret: string }
  | {
      readonly kind: 'application_credential_by_name'
      readonly name: string
      readonly secret: string
      readonly user: Named
    }
  | { readonly kind: 'password'; readonly user: Named; readonly password: string; readonly project: Named }

/** By id, or by a name within a domain. */
export type Named = { readonly id: string } | { readonly name: string; readonly domain: Domain }
export type Domain = { readonly id: string } | { readonly name: string }

export interface Cloud {
  readonly authUrl: string
  readonly credentials: Credentials
  readonly regionName: string | null
  readonly interface: 'public' | 'internal' | 'admin'
  readonly verify: boolean
  readonly caFile: string | null
  readonly endpoints: Readonly<Partial<Record<'compute' | 'network' | 'image' | 'volume', string>>>
}

/** What is wrong with a cloud of a `clouds.yaml`: in words that hold no value of it. */
export class CloudsFault extends Error {
  override readonly name = 'CloudsFault'
}

const text = z.string()
const address = text.refine(isCleanUrl)
/** As YAML 1.1 has them, which other readers of the file speak. */
const flag = text.transform((word, context) => {
  if (/^(true|yes|on|y)$/i.test(word)) return true
  if (/^(false|no|off|n)$/i.test(word)) return false
  context.addIssue({ code: 'custom', message: 'true or false' })
  return z.NEVER
})
const region = z.union([text, z.object({ name: text })]).transform((r) => (typeof r === 'string' ? r : r.name))
const auth = z
  .object({
    auth_url: address,
    username: text,
    user_id: text,
    password: text,
    project_name: text,
    tenant_name: text,
    project_id: text,
    tenant_id: text,
    user_domain_name: text,
    user_domain_id: text,
    project_domain_name: text,
    project_domain_id: text,
    domain_name: text,
    domain_id: text,
    application_credential_id: text,
    application_credential_name: text,
    application_credential_secret: text,
  })
  .partial()
const one = z
  .object({
    auth,
    auth_type: text,
    region_name: text,
    regions: z.array(region),
    interface: text,
    endpoint_type: text,
    verify: flag,
    insecure: flag,
    cacert: text,
    cert: text,
    identity_api_version: text,
    compute_endpoint_override: address,
    network_endpoint_override: address,
    image_endpoint_override: address,
    block_storage_endpoint_override: address,
    volume_endpoint_override: address,
  })
  .partial()
const file = z.object({ clouds: z.record(z.string(), z.unknown()).nullish() }).nullish()

/**
 * Reads one cloud of a `clouds.yaml` as its users have it; `secure` is the text of the `secure.yaml` beside it, which goes before it.
 * Throws `CloudsFault`.
 */
export function cloudOf(clouds: string, name: string, secure: string | null = null): Cloud {
  const open = entryOf('clouds.yaml', clouds, name)
  if (open === undefined) throw new CloudsFault(`clouds.yaml has no cloud ${name}`)
  const whole = merge(open, secure === null ? undefined : entryOf('secure.yaml', secure, name))
  // What belongs below `auth` may stand beside it.
  const merged = one.safeParse(isRecord(whole) ? { ...whole, auth: merge(whole, whole['auth']) } : whole)
  if (!merged.success) {
    const places = merged.error.issues.map(({ path }) => path.join('.') || 'the cloud')
    throw new CloudsFault(`cloud ${name}: not understood: ${places.join(', ')}`)
  }
  const entry = merged.data
  const authUrl = entry.auth?.auth_url
  if (authUrl === undefined)
    throw new CloudsFault(`cloud ${name}: auth.auth_url is missing; vendor profiles are not read`)
  if (entry.cert !== undefined) throw new CloudsFault(`cloud ${name}: cert: no client certificates are shown`)
  const version = entry.identity_api_version ?? '3'
  if (!/^v?3(\.\d+)?$/.test(version)) throw new CloudsFault(`cloud ${name}: only version 3 of Keystone is spoken`)
  const overrides = {
    compute: entry.compute_endpoint_override,
    network: entry.network_endpoint_override,
    image: entry.image_endpoint_override,
    volume: entry.block_storage_endpoint_override ?? entry.volume_endpoint_override,
  }
  return {
    authUrl,
    credentials: credentialsOf(name, entry),
    regionName: entry.region_name ?? entry.regions?.[0] ?? null,
    interface: interfaceOf(name, entry.interface ?? entry.endpoint_type ?? 'public'),
    verify: entry.verify !== false && entry.insecure !== true,
    caFile: entry.cacert ?? null,
    endpoints: Object.fromEntries(Object.entries(overrides).filter(([, url]) => url !== undefined)),
  }
}

function entryOf(title: string, content: string, name: string): unknown {
  let document: unknown
  try {
    // All words as they are written: an id of digits alone is no number.
    document = parse(content, { schema: 'failsafe', customTags: (tags) => [...tags, 'null'], merge: true })
  } catch {
    throw new CloudsFault(`${title} is no YAML`)
  }
  const parsed = file.safeParse(document)
  if (!parsed.success) throw new CloudsFault(`${title} holds no clouds`)
  const clouds = parsed.data?.clouds ?? {}
  return Object.hasOwn(clouds, name) ? said(clouds[name]) : undefined
}

/** Without what says nothing: `null`, and an empty word. */
function said(value: unknown): unknown {
  if (!isRecord(value)) return value ?? undefined
  const known = Object.entries(value).filter(([, word]) => word !== null && word !== '')
  return Object.fromEntries(known.map(([key, word]) => [key, said(word)]))
}

function merge(below: unknown, above: unknown): unknown {
  if (above === undefined) return below
  if (!isRecord(below) || !isRecord(above)) return above
  return { ...below, ...Object.fromEntries(Object.entries(above).map(([k, v]) => [k, merge(below[k], v)])) }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function interfaceOf(name: string, word: string): Cloud['interface'] {
  const bare = word.replace(/URL$/, '')
  if (bare === 'public' || bare === 'internal' || bare === 'admin') return bare
  throw new CloudsFault(`cloud ${name}: interface must be public, internal or admin`)
}

function credentialsOf(name: string, { auth: given = {}, auth_type }: z.output<typeof one>): Credentials {
  const kind = auth_type ?? (given.application_credential_secret === undefined ? 'password' : 'v3applicationcredential')
  const need = (value: string | undefined, what: string): string => {
    if (value === undefined) throw new CloudsFault(`cloud ${name}: auth.${what} is missing`)
    return value
  }
  const user = () =>
    given.user_id === undefined
      ? { name: need(given.username, 'username'), domain: domainOf(given.user_domain_id, given.user_domain_name) }
      : { id: given.user_id }
  switch (kind) {
    case 'v3applicationcredential': {
      const secret = need(given.application_credential_secret, 'application_credential_secret')
      if (given.application_credential_id !== undefined)
        return { kind: 'application_credential', id: given.application_credential_id, secret }
      const by = need(given.application_credential_name, 'application_credential_id')
      return { kind: 'application_credential_by_name', name: by, secret, user: user() }
    }
    case 'password':
    case 'v3password': {
      const id = given.project_id ?? given.tenant_id
      const domain = domainOf(given.project_domain_id, given.project_domain_name)
      const by = () => ({ name: need(given.project_name ?? given.tenant_name, 'project_name'), domain })
      return {
        kind: 'password',
        user: user(),
        password: need(given.password, 'password'),
        project: id === undefined ? by() : { id },
      }
    }
    default:
      throw new CloudsFault(`cloud ${name}: auth_type must be v3applicationcredential or v3password`)
  }
  function domainOf(id: string | undefined, called: string | undefined): Domain {
    const domainId = id ?? given.domain_id
    const domainName = called ?? given.domain_name
    if (domainId !== undefined) return { id: domainId }
    return domainName === undefined ? { id: 'default' } : { name: domainName }
  }
}
