import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { KubernetesSettings } from './settings.ts'

/** Where the cluster is, whom to trust there, and who Carrel is to it. */
export interface Access {
  /** Its paths follow upon this: there may be one already, of who stands before it. */
  readonly server: string
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  /** The token of now; `null`: the certificate says it all. */
  token(): Promise<string | null>
}

/** What configuration names cannot be used; says why in words of its own, without what is in it. */
export class AccessUnusable extends Error {
  override readonly name = 'AccessUnusable'
}

/** Reads what the settings name. Throws `AccessUnusable`. */
export async function openAccess(settings: KubernetesSettings): Promise<Access> {
  if (settings.server === undefined || settings.ca === undefined) return await fromLibrary(settings)
  const { server, ca, token, tokenFile } = settings
  return {
    server: server.replace(/\/$/, ''),
    tls: { ca },
    token: async () => (tokenFile === undefined ? (token ?? null) : await readToken(tokenFile)),
  }
}

/** A kubeconfig, or what a pod finds about the cluster it runs in, as the cluster's own client reads them. */
async function fromLibrary(settings: KubernetesSettings): Promise<Access> {
  // 50 MB that nobody needs who has no such provider.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (settings.kubeconfig === undefined) config.loadFromCluster()
    else config.loadFromFile(settings.kubeconfig)
    if (settings.context !== undefined) config.setCurrentContext(settings.context)
  } catch {
    throw new AccessUnusable(settings.kubeconfig === undefined ? 'not in a cluster' : 'the kubeconfig cannot be read')
  }
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()]
  if (cluster === null || user === null) throw new AccessUnusable('the kubeconfig names no cluster and user')
  if (!cluster.server.startsWith('https://')) throw new AccessUnusable('the cluster is not reached by https')
  if (cluster.skipTLSVerify) throw new AccessUnusable('insecure-skip-tls-verify is not taken')
  if (cluster.proxyUrl !== undefined) throw new AccessUnusable('proxy-url is not taken')
  if (user.exec !== undefined) throw new AccessUnusable('exec is not taken: Carrel runs no program of a kubeconfig')
  if (user.impersonateUser !== undefined) throw new AccessUnusable('impersonation is not taken')

  const tokenFile = tokenFileOf(user.authProvider) ?? (await namedTokenFile(settings.kubeconfig, user.name))
  const ca = await inline(cluster.caData, cluster.caFile)
  const cert = await inline(user.certData, user.certFile)
  const key = await inline(user.keyData, user.keyFile)
  if (tokenFile === undefined && user.token === undefined && cert === undefined)
    throw new AccessUnusable('the user of the kubeconfig has neither a token nor a certificate')
  return {
    server: cluster.server.replace(/\/+$/, ''),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
    },
    token: async () => (tokenFile === undefined ? (user.token ?? null) : await readToken(tokenFile)),
  }
}

/** As the library says where a pod's own token lies; any other plug-in would run something. */
function tokenFileOf(provider: unknown): string | undefined {
  if (provider === undefined || provider === null) return undefined
  const { name, config } = provider as { name?: unknown; config?: { tokenFile?: unknown } } // as the library types it: any
  if (name === 'tokenFile' && typeof config?.tokenFile === 'string') return config.tokenFile
  throw new AccessUnusable('auth-provider is not taken')
}

const usersShape = z.object({ users: z.array(z.object({ name: z.unknown(), user: z.unknown() })) })
const userShape = z.object({ tokenFile: z.string().nullish() }).nullish()

/** Where a kubeconfig says that its user's token lies, which goes before a token in it: the library passes over it. */
async function namedTokenFile(kubeconfig: string | undefined, name: string): Promise<string | undefined> {
  if (kubeconfig === undefined) return undefined
  const user = userShape.safeParse(userNamed(name, await contentOf(kubeconfig)))
  if (!user.success) throw new AccessUnusable('tokenFile of the user of the kubeconfig is not the name of a file')
  const found = user.data?.tokenFile ?? ''
  return found === '' ? undefined : resolve(dirname(kubeconfig), found)
}

function userNamed(name: string, kubeconfig: string): unknown {
  try {
    return usersShape.parse(parse(kubeconfig)).users.find((user) => user.name === name)?.user
  } catch {
    throw new AccessUnusable('the users of the kubeconfig cannot be read')
  }
}

async function inline(data: string | undefined, file: string | undefined): Promise<string | undefined> {
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  return file === undefined ? undefined : await contentOf(file)
}

const readToken = async (file: string): Promise<string> => (await contentOf(file)).trim()

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new AccessUnusable('a file of the credentials cannot be read')
  }
}
