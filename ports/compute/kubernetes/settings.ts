import { isIP } from 'node:net'
import { z } from 'zod'

const absolutePath = z.string().regex(/^\/[^\0]*$/, 'an absolute path')
const namespace = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'a name of lower-case letters, digits and -')
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a name of lower-case letters, digits, - and .')
const cidr = z.string().refine((text) => {
  const [address = '', bits = '', ...rest] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most && rest.length === 0
}, 'a network, as 10.1.0.0/16')
const labelKey = z.string().regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, 'a label')
const labelValue = z.string().regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, 'a value of a label')
const httpsUrl = z.string().refine((text) => {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:') return false
  return url.username + url.password + url.search + url.hash === '' && url.pathname === '/'
}, 'https://host[:port], and nothing behind it')

/** Who is on the other side of a network rule: pods of a namespace, some of them, or a network outside the cluster. */
const pods = z.strictObject({ namespace, podLabels: z.record(labelKey, labelValue).default({}) })
const outside = z.strictObject({ network: cidr })
const peer = z.union([pods, outside], 'either {"namespace": …, "podLabels": …} or {"network": …}')
export type Peer = z.output<typeof peer>

/** One that is asked, at a port of its own: what counts is that of Pods, and the Service before them may have another. */
const port = z.int().min(1).max(65_535).optional()
const askedPeer = z.union(
  [pods.extend({ port }), outside.extend({ port })],
  'either {"namespace": …, "podLabels": …} or {"network": …}, and a port where it is another',
)
export type AskedPeer = z.output<typeof askedPeer>

/** What an administrator of Carrel may say by its API as well as the deployment's configuration. */
const shared = {
  /** Where sessions live. */
  namespace: namespace.default('carrel-sessions'),
  /** The namespace of a project's sessions, by the project's id; of any other project: `namespace`. They must exist. */
  projectNamespaces: z.record(z.string().regex(/^[a-z][a-z0-9]{1,25}$/, 'the id of a project'), namespace).default({}),
  /** Where an instance's ports are reached: at its Pod's address, or at its Service's. */
  endpoints: z.enum(['pod', 'service']).default('pod'),
  /** Carrel's gateway and workers: nobody else reaches a session. */
  reachableFrom: z.array(peer).min(1),
  /** Carrel's api, where sessions whose templates report their ports call back. */
  reportsTo: z.array(askedPeer).default([]),
  /** The name servers of the cluster; asked by sessions that may go out at all. */
  nameServers: z.array(askedPeer).default([{ namespace: 'kube-system', podLabels: { 'k8s-app': 'kube-dns' } }]),
  /** What `egress: site` reaches; empty: this provider has no `site`. */
  siteNetworks: z.array(cidr).default([]),
  /** What no session reaches, whatever its egress: the control plane, where it has public addresses. */
  forbiddenNetworks: z.array(cidr).default([]),
  /** Said by whoever runs the cluster: its network plugin enforces NetworkPolicies. Without, `isolation` is `partial`. */
  networkPoliciesEnforced: z.boolean().default(false),
  /** What a GPU is called where the template does not say: `nvidia.com/gpu`. Without either GPUs are refused. */
  gpuResource: z
    .string()
    .regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 'the name of a resource, as nvidia.com/gpu')
    .optional(),
  /** Names of Secrets, made by an operator, with which images are fetched. */
  imagePullSecrets: z.array(objectName).default([]),
  priorityClass: objectName.optional(),
  runtimeClass: objectName.optional(),
  /** How long a cluster that grows by itself may take to make room; then the session fails as `unschedulable`. */
  unschedulableSeconds: z.int().min(1).max(3_600).default(60),
  /** How long fetching an image may go on failing; then the session fails as `image_missing`. */
  imageFailingSeconds: z.int().min(1).max(3_600).default(15),
  /** From SIGTERM to SIGKILL when a session is removed or paused. By 0 the cluster would forget what still runs. */
  stopGraceSeconds: z.int().min(1).max(300).default(10),
  /** One call to the cluster is given up after this. */
  requestTimeoutMs: z.int().min(100).max(120_000).default(15_000),
  /** How long a create watches what it made, for failures that end a start at once. */
  watchMs: z.int().min(0).max(120_000).default(20_000),
  /** A create whose answer was lost may still take effect within this time. */
  settleMs: z.int().min(0).max(120_000).default(40_000),
  pageSize: z.int().min(1).max(1_000).default(250),
}

const address = {
  /** The API server: `https://host[:port]`. */
  server: httpsUrl,
  /** The authority that signed its certificate, PEM. */
  ca: z.string().regex(/^-----BEGIN CERTIFICATE-----/, 'a certificate in PEM'),
}

/** Closed: no paths, no programs, no identity of Carrel's own. The token is given apart. */
export const kubernetesApiSettings = z.strictObject({ ...shared, ...address }).readonly()

export const kubernetesSecretFields = ['token'] as const

/** What a kubernetes provider can be told by the deployment's configuration. Closed: an unknown key is an error. */
export const kubernetesSettings = z
  .strictObject({
    ...shared,
    server: address.server.optional(),
    ca: address.ca.optional(),
    token: z.string().min(1).optional(),
    /** Read again for each call: whoever renews it writes the file anew. */
    tokenFile: absolutePath.optional(),
    kubeconfig: absolutePath.optional(),
    /** Of the kubeconfig; its current one by default. */
    context: z.string().min(1).optional(),
    /** Carrel runs in the cluster, as the service account that its pod was given. */
    inCluster: z.boolean().default(false),
  })
  .superRefine((settings, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const { server, ca, token, tokenFile, kubeconfig, inCluster } = settings
    if ([server !== undefined, kubeconfig !== undefined, inCluster].filter(Boolean).length !== 1)
      fault('server', 'one of server, kubeconfig and inCluster says where the cluster is')
    if (server !== undefined && ca === undefined) fault('ca', 'required with server')
    if (server !== undefined && (token === undefined) === (tokenFile === undefined))
      fault('token', 'required with server, by itself or by tokenFile')
    if (settings.context !== undefined && kubeconfig === undefined) fault('context', 'goes with kubeconfig')
  })
  .readonly()

export type KubernetesSettings = z.output<typeof kubernetesSettings>
