import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { Client, Filter, InvalidCredentialsError, SizeLimitExceededError } from 'ldapts'
import type { Entry } from 'ldapts'
import { mostGids } from '../../../domain/posix.ts'
import { isLogin } from './directory.ts'
import type { Directory, DirectoryAnswer } from './directory.ts'
import { createWatch } from './ldap-watch.ts'
import type { Watch } from './ldap-watch.ts'

/** How a site's LDAP directory is asked. */
export interface LdapSettings {
  /** `ldaps://host[:port]` or `ldap://host[:port]`. */
  readonly url: string
  /** Of `ldap:`: whether it goes over to TLS before anything is said. */
  readonly startTls: boolean
  /** PEM of those whom its certificate may come from; `null`: those of the system. */
  readonly ca: string | null
  /** As whom it is asked; `null`: as nobody. */
  readonly bind: { readonly dn: string; readonly password: string } | null
  readonly people: {
    readonly base: string
    /** `{login}` stands for the office login. */
    readonly filter: string
    readonly user: string
    readonly uid: string
    readonly gid: string
  }
  /** Where supplementary groups are; `{user}` and `{dn}` stand for the person found. `null`: there are none. */
  readonly groups: { readonly base: string; readonly filter: string; readonly gid: string } | null
  /** For all that is asked about one login. */
  readonly timeoutMs: number
}

/** An answer larger than this is none. */
const mostBytes = 1024 * 1024

/** A site's LDAP directory, over a connection for each lookup, which waits for nobody longer than its time and keeps nothing. */
export function createLdapDirectory(settings: LdapSettings): Directory {
  return {
    async lookUp(login): Promise<DirectoryAnswer> {
      if (!isLogin(login)) return { kind: 'absent' }
      const watch = createWatch({ timeoutMs: settings.timeoutMs, mostBytes })
      const client = clientOf(settings, watch)
      try {
        return await watch.within(ask(client, settings, login))
      } catch (error) {
        // Two are as good as many: the directory was asked for no more.
        if (error instanceof SizeLimitExceededError) return { kind: 'ambiguous' }
        return { kind: 'unavailable', detail: watch.why ?? detailOf(error) }
      } finally {
        watch.end()
        await client.unbind().catch(() => undefined)
      }
    },
  }
}

function clientOf({ url, ca, timeoutMs }: LdapSettings, watch: Watch): Client {
  return new Client({
    url,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    strictDN: false,
    ...(url.startsWith('ldaps:') ? { tlsOptions: tlsOptions(url, ca) } : {}),
    // Their own types have more ways to be called than are used.
    createConnection: ((...how: Parameters<typeof connect>) => watch.over(connect(...how))) as typeof connect,
    createSecureConnection: ((...how: Parameters<typeof connectSecurely>) =>
      watch.over(connectSecurely(...how))) as typeof connectSecurely,
  })
}

const tlsOptions = (url: string, ca: string | null) => ({
  minVersion: 'TLSv1.2' as const,
  host: hostOf(url),
  ...(ca === null ? {} : { ca }),
})
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '')

async function ask(client: Client, settings: LdapSettings, login: string): Promise<DirectoryAnswer> {
  const { url, ca, startTls, bind, people, groups } = settings
  if (startTls && !url.startsWith('ldaps:')) await client.startTLS(tlsOptions(url, ca))
  if (bind !== null) await client.bind(bind.dn, bind.password)
  const { searchEntries: found } = await client.search(people.base, {
    scope: 'sub',
    derefAliases: 'never',
    filter: people.filter.replaceAll('{login}', () => Filter.escape(login)),
    attributes: [people.user, people.uid, people.gid],
    sizeLimit: 2,
  })
  const [entry, ...more] = found
  if (entry === undefined) return { kind: 'absent' }
  if (more.length > 0) return { kind: 'ambiguous' }
  const users = textsOf(entry, people.user)
  const user = users.includes(login) ? login : one(users)
  const gids = groups === null ? [] : await groupsOf(client, groups, { user: String(user ?? ''), dn: entry.dn })
  const uid = one(textsOf(entry, people.uid))
  return { kind: 'found', words: { user, uid, gid: one(textsOf(entry, people.gid)), gids } }
}

async function groupsOf(
  client: Client,
  { base, filter, gid }: NonNullable<LdapSettings['groups']>,
  { user, dn }: { readonly user: string; readonly dn: string },
): Promise<readonly string[]> {
  const { searchEntries } = await client.search(base, {
    scope: 'sub',
    derefAliases: 'never',
    filter: filter.replaceAll('{user}', () => Filter.escape(user)).replaceAll('{dn}', () => Filter.escape(dn)),
    attributes: [gid],
    // One more than anybody may have: who is in more is refused, and not in some of them.
    sizeLimit: mostGids + 2,
  })
  return searchEntries.flatMap((entry) => textsOf(entry, gid))
}

/** The values of an attribute, whatever the directory calls its letters. */
function textsOf(entry: Entry, attribute: string): string[] {
  const name = Object.keys(entry).find((key) => key.toLowerCase() === attribute.toLowerCase())
  const value = name === undefined ? undefined : entry[name]
  const values = Array.isArray(value) ? value : value === undefined ? [] : [value]
  return values.map((one_) => (typeof one_ === 'string' ? one_ : one_.toString('utf8'))).filter((text) => text !== '')
}

/** Of several values of what is one nothing is known: neither a number nor a name is made of them. */
const one = (values: readonly string[]): string | readonly string[] | undefined =>
  values.length > 1 ? values : values[0]

/** What went wrong, for operators: never what it was asked for, or with. */
function detailOf(error: unknown): string {
  if (error instanceof InvalidCredentialsError) return 'The directory refuses whoever asks it.'
  if (!(error instanceof Error)) return 'It failed.'
  const code = 'code' in error ? String(error.code) : ''
  return `${error.name} ${code} ${error.message}`.replaceAll(/[^\x20-\x7E]/g, ' ').slice(0, 200)
}
