import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quantityOf } from '../../../ports/compute/kubernetes/quantity.ts'
import { createKubernetesProvider } from '../../../ports/compute/kubernetes/provider.ts'
import type { CheckedTemplate } from '../../../ports/compute/provider.ts'
import { call } from '../../conformance/compute-harness.ts'
import { deploymentId, settingsWith } from './ground.ts'
import { json, no, playCluster } from './played-cluster.ts'
import type { Played, PlayedCluster } from './played-cluster.ts'

let requests: PlayedCluster['requests']

const small = { name: 'small', cpuMilli: 500, memoryMib: 512, diskMib: 0, gpus: 0 }
const large = { name: 'large', cpuMilli: 4_000, memoryMib: 8_192, diskMib: 20_480, gpus: 2 }
const template: CheckedTemplate = { image: 'desk:1', sizes: [small, large], egress: 'none', terms: {} }
const wellSet = { networkPoliciesEnforced: true, gpuResource: 'nvidia.com/gpu' }

interface Shown {
  readonly quotas?: readonly object[]
  /** To the Pod that is only tried. */
  readonly tried?: Played
  readonly secrets?: readonly string[]
  readonly settings?: object
  readonly templates?: readonly CheckedTemplate[]
}

/** What a check says of a cluster where all is well but what is told. */
async function checked({ quotas = [], tried, secrets = [], settings = {}, templates = [] }: Shown): Promise<string[]> {
  const cluster = await playCluster(
    (line) => {
      if (line.includes('/selfsubjectaccessreviews')) return json(201, { status: { allowed: true } })
      if (line.includes('/version')) return json(200, { major: '1', minor: '34' })
      if (line.includes('/resourcequotas')) return json(200, { items: quotas })
      if (line.startsWith('POST')) return tried ?? json(201, { metadata: { name: 'tried', uid: 'u' } })
      const name = secrets.find((one) => line.endsWith(`/secrets/${one}`))
      return name === undefined ? no(404, 'NotFound') : json(200, { metadata: { name, uid: 'u' } })
    },
    { ...wellSet, ...settings },
  )
  ;({ requests } = cluster)
  try {
    const found = (await cluster.provider.check?.({ deploymentId, templates }, call())) ?? []
    return found.map(({ code, level, about = '' }) => `${level} ${code} ${about}`)
  } finally {
    await cluster.close()
  }
}

test('of a cluster that is well nothing is said, and nothing is made there', async () => {
  const quotas = [{ status: { hard: { pods: '5', 'requests.cpu': '8' }, used: { pods: '1', 'requests.cpu': '500m' } } }]
  expect(await checked({ quotas, templates: [template] })).toEqual([])
  const made = requests.filter(({ line }) => line.startsWith('POST') && !line.includes('accessreviews'))
  expect(made.length).toBeGreaterThan(0)
  expect(made.every(({ line }) => line.includes('dryRun=All'))).toBe(true)
})

test('what fetches images and is not there is named, in each namespace', async () => {
  const settings = { imagePullSecrets: ['registry', 'other'], projectNamespaces: { p1: 'carrel-p1' } }
  expect(await checked({ settings, secrets: ['registry'] })).toEqual([
    'missing named_missing imagePullSecrets other in carrel-sessions',
    'missing named_missing imagePullSecrets other in carrel-p1',
  ])
})

test('a quota that is used up is said, also where it was lowered since; what nobody may have is nobody’s business', async () => {
  const hard = { pods: '2', 'limits.memory': '1Gi', secrets: '10', 'services.loadbalancers': '0' }
  const used = { pods: '3', 'limits.memory': '1073741824', secrets: '9', 'services.loadbalancers': '0' }
  expect(await checked({ quotas: [{ status: { hard, used } }] })).toEqual([
    'warning quota_exhausted pods in carrel-sessions',
    'warning quota_exhausted limits.memory in carrel-sessions',
  ])
})

test('a size that is larger than the whole quota is said, whatever is left', async () => {
  const workspace = { kubernetes: { workspace: { target: '/home/desk', storageClass: 'fast' } } }
  const of = async (hard: Readonly<Record<string, string>>, terms = {}) =>
    await checked({ quotas: [{ status: { hard, used: {} } }], templates: [{ ...template, terms }] })
  const said = (name: string) => `warning quota_exhausted size large of desk:1: ${name} in carrel-sessions`
  for (const hard of [
    { 'requests.cpu': '3900m' },
    { 'limits.memory': '8589934591' },
    { 'ephemeral-storage': '19Gi' },
    { 'requests.nvidia.com/gpu': '1' },
  ])
    expect(await of(hard)).toEqual(Object.keys(hard).map(said))
  expect(await of({ cpu: '4', memory: '8Gi', 'requests.storage': '1Gi' })).toEqual([])
  const byClass = 'fast.storageclass.storage.k8s.io/requests.storage'
  expect(await of({ 'requests.storage': '1Gi', [byClass]: '1Gi' }, workspace)).toEqual(
    ['requests.storage', byClass].map(said),
  )
})

test('a quota that counts no sessions is passed over', async () => {
  const status = { hard: { pods: '1' }, used: { pods: '1' } }
  const byClass = { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] }
  const quotas = [
    { spec: { scopes: ['BestEffort'] }, status },
    { spec: { scopes: ['Terminating'] }, status },
    { spec: { scopeSelector: byClass }, status },
  ]
  expect(await checked({ quotas })).toEqual([])
  const ours = [{ spec: { scopes: ['NotTerminating'] }, status }]
  expect(await checked({ quotas: ours })).toEqual(['warning quota_exhausted pods in carrel-sessions'])
})

const settings = { priorityClass: 'desks', runtimeClass: 'gvisor' }
const forbidden = (why: string) => no(403, 'Forbidden', `pods "carrel-check" is forbidden: ${why}`)
test.each([
  ['namespace carrel-sessions', no(404, 'NotFound', 'namespaces "carrel-sessions" not found')],
  ['priorityClass desks', forbidden('no PriorityClass with name desks was found')],
  ['runtimeClass gvisor', forbidden('pod rejected: RuntimeClass "gvisor" not found')],
])('%s is not there, as a Pod that is only tried tells', async (what, tried) => {
  expect(await checked({ settings, tried })).toEqual([`missing named_missing ${what}`])
})

test('why else such a Pod would not be taken is not what is looked for', async () => {
  expect(await checked({ settings, tried: forbidden('exceeded quota: q') })).toEqual([])
})

const hour = 3_600
/** As a cluster signs it, begun and over by so many hours from now. */
function tokenOf(begun: number, over: number): string {
  const now = Date.now() / 1_000
  const claims = { iat: Math.trunc(now + begun * hour), exp: Math.trunc(now + over * hour) }
  return `header.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
}

test.each([
  ['for years', -1, 9_000, 'none', 'none'],
  ['for its last hours', -9_000, 20, 'warned', 'warned'],
  ['for an hour, and is young', -0.2, 0.8, 'warned', 'none'],
  ['for an hour, and was not renewed', -0.9, 0.1, 'warned', 'warned'],
])(
  'a token that is good %s: given apart, and in a file that is written anew',
  async (_, begun, over, apart, inFile) => {
    const token = tokenOf(begun, over)
    const directory = mkdtempSync(join(tmpdir(), 'carrel-token-'))
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, token)
    const said = (what: string) => (what === 'warned' ? ['warning credentials_expiring token'] : [])
    try {
      expect(await checked({ settings: { token } })).toEqual(said(apart))
      expect(await checked({ settings: { token: undefined, tokenFile } })).toEqual(said(inFile))
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)

test.each([
  ['0', 0],
  ['2', 2],
  ['500m', 0.5],
  ['250u', 0.000_25],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['1k', 1_000],
  ['2G', 2_000_000_000],
  ['1Ki', 1_024],
  ['2Gi', 2 * 1_024 ** 3],
  ['1E', 1e18],
  ['1Ei', 1_024 ** 6],
  ['1e3', 1_000],
  ['1E3', 1_000],
  ['12e-1', 1.2],
  ['', null],
  ['many', null],
  ['1gi', null],
])('the quantity %s is %s', (text, amount) => {
  expect(quantityOf(text)).toBe(amount)
})

test.each([
  ['kubeconfig', { kubeconfig: '/nowhere/kubeconfig', inCluster: false }],
  [
    'tokenFile',
    { server: 'https://127.0.0.1:1', ca: '-----BEGIN CERTIFICATE-----', tokenFile: '/nowhere/token', inCluster: false },
  ],
  ['inCluster', {}],
])('a worker that cannot read what %s names is told apart from a cluster that is away', async (about, given) => {
  const provider = createKubernetesProvider(settingsWith(given), { networks: [] })
  try {
    expect(await provider.check?.({ deploymentId, templates: [] }, call())).toEqual([
      { code: 'credentials_refused', level: 'missing', about },
    ])
  } finally {
    await provider.close()
  }
})
