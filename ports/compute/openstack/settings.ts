import { isIP } from 'node:net'
import { z } from 'zod'
import { cidr } from '../networks.ts'
import { isCleanUrl } from '../clean-url.ts'

const absolutePath = z
  .string()
  .max(1_000)
  .regex(/^\/[^\0]*$/, 'an absolute path')
const name = z.string().min(1).max(255)
const url = z.string().max(1_000).refine(isCleanUrl, 'an http or https URL without user, query and fragment')

/** Where a cloud's services are, where they are not where its catalogue says: `compute_endpoint_override` and its like. */
const endpoints = z.strictObject({ compute: url, network: url, image: url, volume: url }).partial().default({})

const tuned = {
  regionName: name.optional(),
  interface: z.enum(['public', 'internal', 'admin']).optional(),
  endpoints,
  /** PEM of the authorities that sign the services' certificates. */
  ca: z.string().max(200_000).includes('-----BEGIN CERTIFICATE-----').optional(),
  /** The network of the sessions, by name or id. Its ports must be held by security groups. */
  network: name,
  /** An outside network, by name or id: each session is then reached at a floating address of it. */
  floatingNetwork: name.optional(),
  /** From where the doors of sessions are opened: Carrel's gateway and workers. Nothing else comes in. */
  gatewayNetworks: z.array(cidr).min(1).max(20),
  /** Where sessions report to, if not to a public address. */
  controlNetworks: z.array(cidr).max(20).default([]),
  /** What `egress: site` reaches; empty: this provider has no `site`. */
  siteNetworks: z.array(cidr).max(20).default([]),
  /**
   * Security groups that are there already, by name or id, whose rules say what a class of egress reaches: some sixty rules fewer for
   * each session where a project may have few. Theirs is what they say; Carrel only puts them to the session's port.
   */
  egressGroups: z.strictObject({ internet: name, site: name }).partial().default({}),
  /** What no session reaches, whatever its egress. */
  forbiddenNetworks: z.array(cidr).max(20).default([]),
  /** Name servers that are asked where a session may go out at all. */
  resolvers: z
    .array(z.string().refine((a) => isIP(a) === 4, 'an IPv4 address'))
    .max(10)
    .default([]),
  /** User data by a drive, not by the metadata address, which no session reaches. */
  configDrive: z.boolean().default(true),
  volumeType: name.optional(),
  /** Kept with each server, beside what Carrel keeps there. */
  metadata: z
    .record(
      z
        .string()
        .max(255)
        .regex(/^(?!carrel\.)[A-Za-z0-9_.: -]+$/, 'letters, digits and -_.: , not beginning with "carrel."'),
      z.string().max(255),
    )
    .default({}),
  /** How many servers are made at once, with all that stands around them. */
  parallelBoots: z.int().min(1).max(100).default(5),
  /** How many removals ask and act at once. */
  parallelRemovals: z.int().min(1).max(100).default(5),
  pageSize: z.int().min(1).max(1_000).default(200),
  /** One call is given up after this; asking for a server has a time of its own, for a busy cloud takes long to say yes. */
  requestTimeoutMs: z.int().min(100).max(300_000).default(30_000),
  bootTimeoutMs: z.int().min(100).max(600_000).default(120_000),
  /** Copying an image to a volume. */
  volumeTimeoutMs: z.int().min(1_000).max(3_600_000).default(480_000),
  /** One call to remove; what is left then is asked for again. */
  removeTimeoutMs: z.int().min(1_000).max(600_000).default(90_000),
  /** Who finds the beginning of another's create waits so long for its end, then ends it. */
  takeOverMs: z.int().min(0).max(300_000).default(20_000),
  /** Between two looks at what takes its time. */
  lookAgainMs: z.int().min(10).max(60_000).default(300),
  /** A create whose answer was lost may still take effect within this time. */
  settleMs: z.int().min(0).max(60_000).default(20_000),
}

const secret = z.string().min(1).max(4_000)

/** What an openstack provider can be told by the deployment's configuration. Closed: an unknown key is an error. */
export const openstackSettings = z
  .strictObject({
    ...tuned,
    /** A `clouds.yaml`, and which of its clouds. */
    cloudsFile: absolutePath.optional(),
    cloud: name.optional(),
    /** Or Keystone's address and an application credential. */
    authUrl: url.optional(),
    applicationCredentialId: name.optional(),
    applicationCredentialSecret: secret.optional(),
    applicationCredentialSecretFile: absolutePath.optional(),
  })
  .superRefine((settings, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const { cloudsFile, cloud, authUrl, applicationCredentialId } = settings
    const secrets = [settings.applicationCredentialSecret, settings.applicationCredentialSecretFile]
    const given = secrets.filter((s) => s !== undefined).length
    if ((cloudsFile === undefined) !== (cloud === undefined))
      fault('cloud', 'required with cloudsFile, and only with it')
    if ((cloudsFile === undefined) === (authUrl === undefined))
      fault('authUrl', 'either this with an application credential, or cloudsFile with cloud')
    if (authUrl === undefined && (applicationCredentialId !== undefined || given > 0))
      fault('applicationCredentialId', 'only with authUrl')
    if (authUrl !== undefined && applicationCredentialId === undefined)
      fault('applicationCredentialId', 'required with authUrl')
    if (authUrl !== undefined && given !== 1)
      fault('applicationCredentialSecret', 'required with authUrl, by itself or by file')
  })
  .readonly()

/** What the API may say: an application credential, and no path of any machine. Its secret is given apart. */
export const openstackApiSettings = z.strictObject({ ...tuned, authUrl: url, applicationCredentialId: name }).readonly()

export const openstackSecretFields: readonly string[] = ['applicationCredentialSecret']

export type OpenstackSettings = z.output<typeof openstackSettings>
