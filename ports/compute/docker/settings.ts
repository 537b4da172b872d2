import { isIP } from 'node:net'
import { z } from 'zod'
import { addressList, cidr, isThisMachine } from '../networks.ts'

const pem = (what: string, label: RegExp) => z.string().max(100_000).regex(label, `${what} in PEM`)
const absolutePath = z.string().regex(/^\/[^\0]*$/, 'an absolute path')
/** Loopback and private ranges: nothing of a session is published to the world. */
const publishable = addressList(['127.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'])

const fields = z.strictObject({
  /** As DOCKER_HOST: `unix:///path`, `tcp://host:port`, `ssh://[user@]host[:port]`. */
  dockerHost: z
    .string()
    .regex(/^(unix:\/\/\/.+|tcp:\/\/[^/@]+:\d+|ssh:\/\/[^/]+)$/, 'unix:///path, tcp://host:port or ssh://user@host')
    .default('unix:///var/run/docker.sock'),
  /** Holds ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH does. */
  certPath: absolutePath.optional(),
  /** The same without files, as PEM: the authority that signed the daemon's certificate, and Carrel's own with its key. */
  caCertificate: pem('a certificate', /^-----BEGIN CERTIFICATE-----/).optional(),
  clientCertificate: pem('a certificate', /^-----BEGIN CERTIFICATE-----/).optional(),
  clientKey: pem('a private key', /^-----BEGIN [A-Z ]*PRIVATE KEY-----/).optional(),
  /** The one host key that `ssh://` accepts, as in known_hosts: `ssh-ed25519 AAAA…`. */
  sshHostKey: z
    .string()
    .regex(/^(ssh-[a-z0-9-]+|ecdsa-sha2-[a-z0-9-]+) [A-Za-z0-9+/=]+$/, 'a key type and the key in base64')
    .optional(),
  sshIdentityPath: absolutePath.optional(),
  /** Where the ports of sessions are published: a private address of the daemon's machine. */
  publishAddress: z
    .string()
    .refine((a) => isIP(a) === 4 && publishable(a), 'a private or loopback IPv4 address')
    .default('127.0.0.1'),
  /** Each session's network is a /29 of this; `null`: the daemon's own pools (some 30 networks in all). */
  addressPool: cidr.nullable().default('198.18.0.0/16'),
  mtu: z.int().min(576).max(65_535).optional(),
  /** Images, by their exact name, that may run as root. */
  allowRootImages: z.array(z.string().min(1)).default([]),
  /** What `egress: site` reaches; empty: this provider has no `site`. */
  siteNetworks: z.array(cidr).default([]),
  /** What no session reaches, whatever its egress: the control plane, where it has public addresses. */
  forbiddenNetworks: z.array(cidr).default([]),
  /** `required`: nothing starts where egress cannot be enforced. `best_effort`: it starts, and isolation is `partial`. */
  egressEnforcement: z.enum(['required', 'best_effort']).default('required'),
  /**
   * `parents`: the daemon is on this machine, and each part of a mount's path is checked. `roots`: it is not, and a
   * mount must be one of `mountRoots` or stand directly in one. By default `parents` for `unix://`, else `roots`.
   */
  mountCheck: z.enum(['parents', 'roots']).optional(),
  mountRoots: z.array(absolutePath).default([]),
  /** Processes and threads in one session. */
  pidsLimit: z.int().min(16).max(1_000_000).default(2048),
  /** `auto`: the writable layer is limited where the storage driver can. */
  diskLimit: z.enum(['auto', 'off']).default('auto'),
  /** Fetch images that are absent from their registry. */
  pull: z.boolean().default(false),
  pullTimeoutMs: z.int().min(1000).default(600_000),
  /** One call to the daemon is given up after this. */
  requestTimeoutMs: z.int().min(100).max(300_000).default(20_000),
  /** A create whose answer was lost may still take effect within this time. A removal waits for it, and has 2 min in all. */
  settleMs: z.int().min(0).max(60_000).default(20_000),
  /** From SIGTERM to SIGKILL when a session is removed; 0: at once. */
  stopGraceSeconds: z.int().min(0).max(300).default(3),
})

/** What a docker provider can be told by the deployment's configuration. Closed: an unknown key is an error. */
export const dockerSettings = fields
  .superRefine((settings, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const host = URL.parse(settings.dockerHost)
    const { certPath, caCertificate, clientCertificate, clientKey } = settings
    const given = [caCertificate, clientCertificate, clientKey].filter((part) => part !== undefined).length
    if (host?.protocol === 'tcp:' && certPath === undefined && given === 0 && !isThisMachine(host.hostname))
      fault('certPath', 'required for tcp:// beyond loopback: whoever reaches the daemon is root there')
    if (given > 0 && (given < 3 || certPath !== undefined))
      fault('caCertificate', 'goes with clientCertificate and clientKey, and without certPath')
    if (host?.protocol === 'ssh:' && settings.sshHostKey === undefined)
      fault('sshHostKey', 'required for ssh://: the host key is pinned, never learned')
  })
  .readonly()

/**
 * What it can be told by the API: a daemon behind TLS, and what sessions may use there. No files, no programs (ssh is one), and
 * nothing that keeps sessions less apart.
 */
export const dockerApiSettings = fields
  .pick({
    caCertificate: true,
    publishAddress: true,
    addressPool: true,
    mtu: true,
    siteNetworks: true,
    forbiddenNetworks: true,
    pidsLimit: true,
    diskLimit: true,
    pull: true,
    pullTimeoutMs: true,
    requestTimeoutMs: true,
    settleMs: true,
    stopGraceSeconds: true,
  })
  .extend({ dockerHost: z.string().regex(/^tcp:\/\/[^/@]+:\d+$/, 'tcp://host:port') })

export const dockerSecretFields = ['clientCertificate', 'clientKey'] as const

export type DockerSettings = z.output<typeof dockerSettings>
