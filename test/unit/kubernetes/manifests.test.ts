import { expect, test } from 'vitest'
import { claimManifest, serviceManifest } from '../../../ports/compute/kubernetes/around.ts'
import { objectName, stageLabel } from '../../../ports/compute/kubernetes/names.ts'
import { marks } from '../../../ports/compute/marks.ts'
import { objection } from '../../../ports/compute/kubernetes/objection.ts'
import { keptPod, ownerSecret } from '../../../ports/compute/kubernetes/owner.ts'
import { podManifest } from '../../../ports/compute/kubernetes/pod.ts'
import type { Volume } from '../../../domain/volumes.ts'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { owner, settingsWith, specWith } from './ground.ts'

const namespace = 'carrel-sessions'
const podOf = (more: Partial<InstanceSpec> = {}, settings = {}) =>
  podManifest(specWith(more), namespace, settingsWith(settings))
const containerOf = (more: Partial<InstanceSpec> = {}, settings = {}) => podOf(more, settings).spec?.containers[0]

test('a Pod is as strict as the level "restricted" asks, and knows nothing of the cluster', () => {
  const { spec } = podOf()
  expect(spec).toMatchObject({
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      supplementalGroups: [2000],
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      { securityContext: { allowPrivilegeEscalation: false, privileged: false, capabilities: { drop: ['ALL'] } } },
    ],
  })
  expect(containerOf({ capabilities: ['CAP_NET_BIND_SERVICE'] })?.securityContext?.capabilities?.add).toEqual([
    'NET_BIND_SERVICE',
  ])
})

test('requests are limits, and both are the reservation', () => {
  const resources = { sessions: 1, cpuMilli: 1500, memoryMib: 2048, diskMib: 4096, gpus: 2 }
  const all = { cpu: '1500m', memory: '2048Mi', 'ephemeral-storage': '4096Mi', 'nvidia.com/gpu': '2' }
  expect(containerOf({ resources }, { gpuResource: 'nvidia.com/gpu' })?.resources).toEqual({
    requests: all,
    limits: all,
  })
  const named = { resources, terms: { kubernetes: { gpuResource: 'amd.com/gpu' } } }
  expect(containerOf(named, { gpuResource: 'nvidia.com/gpu' })?.resources?.limits).toMatchObject({ 'amd.com/gpu': '2' })
})

test('secrets stand in the Secret alone: the Pod names them', () => {
  const spec = specWith({
    environment: { PASSWORD: 'canary-parameter' },
    report: { url: 'https://carrel.example.org/v1/reports', token: 'canary-token', ports: { from: 9000, to: 9010 } },
  })
  const pod = podManifest(spec, namespace, settingsWith())
  expect(JSON.stringify(pod)).not.toContain('canary')
  const { stringData, metadata } = ownerSecret(spec, namespace, pod)
  expect(stringData).toMatchObject({
    secret: 'canary-secret',
    'report-token': 'canary-token',
    'env.PASSWORD': 'canary-parameter',
  })
  expect(metadata?.labels).toMatchObject({
    'app.kubernetes.io/managed-by': 'carrel',
    'app.kubernetes.io/instance': 's1',
    [marks.deployment]: spec.deploymentId,
    [marks.generation]: '1',
    [stageLabel]: 'making',
  })
  expect(pod.spec?.containers[0]?.env).toContainEqual({
    name: 'PASSWORD',
    valueFrom: { secretKeyRef: { name: objectName(spec), key: 'env.PASSWORD' } },
  })
})

test('who goes out nowhere asks nobody for names, but where it reports its ports to a name', () => {
  const report = { token: 't', ports: { from: 9000, to: 9010 } }
  const policyOf = (url?: string) => podOf(url === undefined ? {} : { report: { ...report, url } }).spec?.dnsPolicy
  expect(policyOf()).toBe('None')
  expect(policyOf('https://192.0.2.7/r')).toBe('None')
  expect(policyOf('https://[2001:db8::7]/r')).toBe('None')
  expect(policyOf('https://carrel.example.org/r')).toBeUndefined()
  expect(podOf({ egress: 'internet' }).spec?.dnsPolicy).toBeUndefined()
})

test('what the owner keeps is the Pod to make again, owned by it', () => {
  const pod = podOf()
  const data = { 'pod.json': Buffer.from(JSON.stringify(pod)).toString('base64') }
  const kept = keptPod({ ...owner, data })
  expect(kept).toMatchObject({ spec: { restartPolicy: 'Never' }, metadata: { ownerReferences: [{ uid: 'u-1' }] } })
  expect(keptPod(owner)).toBeNull()
})

test('arguments are words, not references that the cluster replaces', () => {
  expect(containerOf({ command: ['sh', '-c', 'echo $(HOME) $HOME'] })?.args).toEqual([
    'sh',
    '-c',
    'echo $$(HOME) $HOME',
  ])
})

test('volumes are mounted as their storage source says, and a workspace is handed to its group', () => {
  const more: Partial<InstanceSpec> = {
    mounts: [
      { volume: { kind: 'claim', claim: 'archive', subPath: 'runs/7' }, target: '/data/run', mode: 'ro' },
      { volume: { kind: 'nfs', server: 'files.example.org', path: '/export' }, target: '/data/files', mode: 'ro' },
      {
        volume: { kind: 'csi', driver: 'cvmfs.example', attributes: { repository: 'r' } },
        target: '/cvmfs',
        mode: 'ro',
      },
    ],
    terms: { kubernetes: { workspace: { target: '/home/desk', storageClass: 'fast' } } },
  }
  const spec = podOf(more).spec
  expect(spec?.volumes).toMatchObject([
    { secret: { items: [{ key: 'secret', path: 'secret' }] } },
    { persistentVolumeClaim: { claimName: objectName(specWith()) } },
    { persistentVolumeClaim: { claimName: 'archive', readOnly: true } },
    { nfs: { server: 'files.example.org', path: '/export', readOnly: true } },
    { csi: { driver: 'cvmfs.example', readOnly: true, volumeAttributes: { repository: 'r' } } },
  ])
  expect(spec?.containers[0]?.volumeMounts).toMatchObject([
    { mountPath: '/run/carrel', readOnly: true },
    { mountPath: '/home/desk' },
    { mountPath: '/data/run', readOnly: true, subPath: 'runs/7' },
    { mountPath: '/data/files', readOnly: true },
    { mountPath: '/cvmfs', readOnly: true },
  ])
  expect(spec?.securityContext?.fsGroup).toBe(1000)
  expect(claimManifest(specWith(more), namespace, owner)?.spec).toMatchObject({
    storageClassName: 'fast',
    resources: { requests: { storage: '1024Mi' } },
  })
  expect(objection(specWith(more), settingsWith())).toBeNull()
  expect(podOf({ mounts: more.mounts ?? [] }).spec?.securityContext?.fsGroup).toBeUndefined()
})

const workspace = { kubernetes: { workspace: { target: '/home/desk' } } }
const mounted = (volume: Volume, mode: 'ro' | 'rw') => ({ volume, target: '/data', mode })

test('a workspace is there only where its session can write it, and where nothing of others changes its group', () => {
  const against = (more: Partial<InstanceSpec>) => objection(specWith({ terms: workspace, ...more }), settingsWith())
  const claim = { kind: 'claim', claim: 'archive' } as const
  const csi = { kind: 'csi', driver: 'data.example' } as const
  const nfs = { kind: 'nfs', server: 'files.example.org', path: '/export' } as const
  expect(against({})).toBeNull()
  expect(against({ user: null })).toMatchObject({ code: 'template_unfit', detail: expect.stringContaining('user') })
  for (const volume of [claim, csi]) {
    const detail = expect.stringContaining('/data')
    expect(against({ mounts: [mounted(volume, 'rw')] })).toMatchObject({ code: 'template_unfit', detail })
    expect(against({ mounts: [mounted(volume, 'ro')] })).toBeNull()
    expect(objection(specWith({ mounts: [mounted(volume, 'rw')] }), settingsWith())).toBeNull()
  }
  expect(against({ mounts: [mounted(nfs, 'rw')] })).toBeNull()
  expect(objection(specWith({ user: null }), settingsWith())).toBeNull()
})

test('what a GPU is called the template may say alone, where the provider does not', () => {
  const resources = { sessions: 1, cpuMilli: 500, memoryMib: 256, diskMib: 0, gpus: 1 }
  const named = specWith({ resources, terms: { kubernetes: { gpuResource: 'amd.com/gpu' } } })
  expect(objection(named, settingsWith())).toBeNull()
  expect(objection(specWith({ resources }), settingsWith({ gpuResource: 'nvidia.com/gpu' }))).toBeNull()
})

test('everything around a Pod belongs to its owner, and nothing is made that is not asked for', () => {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', uid: 'u-1', name: owner.metadata.name }]
  expect(serviceManifest(specWith(), namespace, owner)?.metadata).toMatchObject({ ownerReferences })
  expect(serviceManifest(specWith({ ports: [] }), namespace, owner)).toBeNull()
  expect(claimManifest(specWith(), namespace, owner)).toBeNull()
})

test('two deployments never share a name, and every name is one for a Service', () => {
  const ours = { name: `carrel-s${'1'.repeat(25)}-999999999`, deploymentId: 'a' }
  expect(objectName(ours)).not.toBe(objectName({ ...ours, deploymentId: 'b' }))
  expect(objectName(ours)).toMatch(/^[a-z][a-z0-9-]{0,62}$/)
  expect(() => objectName({ ...ours, name: '../pods' })).toThrow(TypeError)
})

test.each<[string, Partial<InstanceSpec>]>([
  ['root', { user: { uid: 0, gid: 0, gids: [] } }],
  ['GPUs without a name for them', { resources: { sessions: 1, cpuMilli: 1, memoryMib: 64, diskMib: 0, gpus: 1 } }],
  ['a directory of a machine', { mounts: [{ hostPath: '/srv', target: '/data', mode: 'ro' }] }],
  ['a mount over what is trusted', { mounts: [{ volume: { kind: 'claim', claim: 'c' }, target: '/etc', mode: 'ro' }] }],
  [
    'a mount beside the secret',
    { mounts: [{ volume: { kind: 'claim', claim: 'c' }, target: '/run/carrel/x', mode: 'ro' }] },
  ],
  ['a site that has no networks', { egress: 'site' }],
  [
    'two things at one place',
    { mounts: ['a', 'b'].map((claim) => ({ volume: { kind: 'claim', claim }, target: '/d', mode: 'ro' })) },
  ],
])('what no cluster does for anybody is refused: %s', (_, more) => {
  expect(objection(specWith(), settingsWith())).toBeNull()
  expect(objection(specWith(more), settingsWith())).toMatchObject({ code: 'template_unfit' })
})
