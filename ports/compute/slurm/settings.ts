import { isIP } from 'node:net'
import { z } from 'zod'
import { isCleanUrl } from '../clean-url.ts'
import { isThisMachine } from '../networks.ts'

const absolutePath = z.string().regex(/^\/[^\0]*$/, 'an absolute path')
const posixName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'the name of a POSIX user')
/** What Slurm calls partitions, accounts, QOS and nodes: nothing that a script or a path could read otherwise. */
const slurmName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$/, 'a name of letters, digits and _.:-')
const address = z.string().refine((text) => isIP(text) !== 0, 'an IP address')

/** What a template may name as its image: a way of preparing the node, which the site describes. */
const image = z.strictObject({
  /** Environment modules, loaded in this order. */
  modules: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_./+-]{0,199}$/, 'the name of a module')).default([]),
})
const imageName = z.string().min(1).max(200)

const shared = {
  /** Where slurmrestd answers. Without TLS only on this machine, unless configuration allows it by `plainHttp`. */
  url: z.string().refine(isCleanUrl, 'http(s)://host[:port], without user, query or fragment'),
  /** PEM: who signs slurmrestd's certificate, where that is no public authority. */
  ca: z.string().min(1).optional(),
  /** Whose answers Carrel can read: newer ones have other shapes, older ones name no users and number no errors. */
  apiVersion: z.enum(['v0.0.37', 'v0.0.38']).default('v0.0.38'),
  /** As whom jobs are looked up. It must be allowed to see the jobs of all users. */
  user: posixName,
  /** How long a token that Carrel signs is good for; a new one is used after half of it. */
  tokenSeconds: z.int().min(60).max(86_400).default(600),
  /** Users below are the system's: nothing runs as one of them. */
  minimumUid: z.int().min(1).default(1_000),
  /** Users as whom nothing runs, whatever their number. */
  refusedUsers: z.array(posixName).default([]),
  /** What jobs ask for where their template does not say. */
  partition: slurmName.optional(),
  account: slurmName.optional(),
  qos: slurmName.optional(),
  /** What a GPU is called: `gpu`, `gpu:a100`. */
  gres: slurmName.default('gpu'),
  /** What templates may name as their image. */
  images: z.record(imageName, image).default({ node: { modules: [] } }),
  /** Where programs are looked for on the nodes. */
  path: z.string().min(1).default('/usr/local/bin:/usr/bin:/bin'),
  /** Where jobs begin and what they print goes; `{user}` is replaced, Slurm's own `%j` and its like as well. */
  workingDirectory: absolutePath.default('/tmp'),
  outputFile: absolutePath.default('/dev/null'),
  /** The addresses of nodes by Slurm's name for them. One that is not here is looked up by that name. */
  nodeAddresses: z.record(slurmName, address).default({}),
  /** What is appended to a node's name before it is looked up: `cluster.example.org`. */
  nodeDomain: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$/i, 'a domain')
    .optional(),
  /** Nobody else runs anything on a node while a session does: its ports need no TLS of their own there. */
  exclusiveNodes: z.boolean().default(false),
  /** Jobs are given so much more time than the session's lifetime, which counts from when it is ready. */
  wallMarginSeconds: z.int().min(0).max(86_400).default(300),
  /** The longest time that is asked for, where a partition has a limit: the margin gives way to it. */
  maxMinutes: z.int().min(1).optional(),
  /** One call is given up after this. slurmrestd itself waits up to 20 s for a controller that does not answer. */
  requestTimeoutMs: z.int().min(100).max(300_000).default(35_000),
  /** A submission whose answer was lost may still take effect within this time. */
  settleMs: z.int().min(0).max(300_000).default(30_000),
  /** A removal waits so long for a job's end before it says that it must be asked again. */
  stopTimeoutMs: z.int().min(0).max(300_000).default(60_000),
  /** A job of which neither Slurm nor its accounting knows an end counts as lost after this. */
  lostAfterMs: z.int().min(0).max(3_600_000).default(120_000),
  /** The largest answer that is read: a list holds some 4 KiB for each job of the whole cluster. */
  maxAnswerMib: z.int().min(1).max(1_024).default(64),
}

type Fault = (path: string, message: string) => void
interface Checked {
  readonly url: string
  readonly auth: 'token' | 'key' | 'files'
  readonly user: string
  readonly plainHttp?: boolean | undefined
}

function checkShared({ url, auth, user, plainHttp }: Checked, fault: Fault): void {
  const at = URL.parse(url)
  if (at?.protocol === 'http:' && !isThisMachine(at.hostname) && plainHttp !== true)
    fault('url', 'https:// beyond this machine: whoever reads a token is its user')
  if (auth === 'key' && user === 'root') fault('user', 'not root: another one may see all jobs as well')
}

/** What a slurm provider can be told by the deployment's configuration. Closed: an unknown key is an error. */
export const slurmSettings = z
  .strictObject({
    ...shared,
    /**
     * `token`: one token, of root or of Slurm's own user, that may name any user. `key`: the cluster's key, by which Carrel signs
     * a token for each user. `files`: somebody else keeps a token for each user in a file.
     */
    auth: z.enum(['token', 'key', 'files']),
    token: z.string().min(1).optional(),
    /** Read again before each use; with `files` it holds `{user}`. */
    tokenFile: absolutePath.optional(),
    /** The bytes of jwt_hs256.key, in base64. */
    key: z.base64().min(4).optional(),
    /** The key as Slurm has it. */
    keyFile: absolutePath.optional(),
    caFile: absolutePath.optional(),
    plainHttp: z.boolean().default(false),
    images: z
      .record(
        imageName,
        image.extend({
          /** Lines of sh, run as the user before the command. */ setup: z.array(z.string()).default([]),
        }),
      )
      .default({ node: { modules: [], setup: [] } }),
  })
  .superRefine((settings, context) => {
    const fault: Fault = (path, message) => context.addIssue({ code: 'custom', path: [path], message })
    checkShared(settings, fault)
    const { auth, token, tokenFile, key, keyFile } = settings
    const given = (wanted: readonly (string | undefined)[]) => wanted.filter((value) => value !== undefined).length
    if (auth === 'token' && given([token, tokenFile]) !== 1) fault('token', 'either token or tokenFile')
    if (auth === 'key' && given([key, keyFile]) !== 1) fault('key', 'either key or keyFile')
    for (const name of auth === 'key' ? (['token', 'tokenFile'] as const) : (['key', 'keyFile'] as const))
      if (settings[name] !== undefined) fault(name, `is of no use with auth "${auth}"`)
    if (settings.ca !== undefined && settings.caFile !== undefined) fault('ca', 'either ca or caFile')
    if (auth === 'files' && tokenFile?.includes('{user}') !== true) fault('tokenFile', 'a path that holds {user}')
  })
  .readonly()

/** What the API may give of it: no files, no scripts, no secrets, which come apart. */
export const slurmApiSettings = z
  .strictObject({ ...shared, auth: z.enum(['token', 'key']) })
  .superRefine((settings, context) => {
    checkShared(settings, (path, message) => context.addIssue({ code: 'custom', path: [path], message }))
  })
  .readonly()

/** Which of the settings are secret. */
export const slurmSecretFields: readonly string[] = ['token', 'key']

export type SlurmSettings = z.output<typeof slurmSettings>
