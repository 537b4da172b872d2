import { afterAll, afterEach, expect, test } from 'vitest'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import { call, eventually, freshDeployment, freshKey, listed, refOf } from '../conformance/compute-harness.ts'
import {
  baseImage,
  containerOf,
  docker,
  inside,
  leftovers,
  openDocker,
  serverSpec,
  socketPath,
} from './docker-harness.ts'
import { openSocketProxy } from './socket-proxy.ts'

// What is particular to Docker, beside the conformance suite.

const provider = openDocker()
const deployment = freshDeployment()
const made: string[] = []

afterEach(async () => {
  for (const { ref } of await listed(provider, deployment)) await provider.remove(ref, call())
  expect(await leftovers(deployment)).toEqual([])
})
afterAll(async () => {
  await provider.close()
  for (const image of made) await docker.getImage(image).remove({ force: true })
})

/** The base image with another user in its configuration. */
async function imageWithUser(user: string): Promise<string> {
  const container = await docker.createContainer({ Image: baseImage, Cmd: ['true'] })
  const [repo, tag] = ['carrel-test-user', user.replaceAll(/\W/g, '-') || 'empty']
  await container.commit({ repo, tag, changes: `USER ${user}` })
  await container.remove()
  made.push(`${repo}:${tag}`)
  return `${repo}:${tag}`
}

async function create(over: Partial<InstanceSpec>, by: ComputeProvider = provider) {
  const spec = { ...serverSpec(freshKey(deployment)), ...over }
  return { spec, created: await by.create(spec, call()) }
}

test.each(['0', '0:1000', 'root', 'nobody-knows'])(
  'an image whose user is %s is refused, and leaves nothing',
  async (user) => {
    const image = await imageWithUser(user)
    const { created } = await create({ image, user: null })
    expect(created).toMatchObject({ kind: 'refused', code: 'start_failed' })
    expect(await leftovers(deployment)).toEqual([])
  },
)

test('an image whose user has a name runs as it, and reads its secret', async () => {
  const { spec, created } = await create({ image: await imageWithUser('www-data'), user: null })
  expect(created.kind).toBe('made')
  const said = await inside(await containerOf(spec), ['sh', '-c', 'id -u; cat $CARREL_SECRET_FILE'])
  expect(said).toBe(`33\n${spec.secret}`)
})

test('somebody runs as who they are to file systems, in all their groups, whoever the image knows', async () => {
  const { spec, created } = await create({ user: { uid: 20_001, gid: 20_002, gids: [20_003, 20_004] } })
  expect(created.kind).toBe('made')
  const said = await inside(await containerOf(spec), ['sh', '-c', 'id -u; id -g; id -G | tr " " "\\n" | sort'])
  expect(said).toBe('20001\n20002\n20002\n20003\n20004\n')
})

test('root runs where an admin allowed the image by name, without privileges all the same', async () => {
  const permissive = openDocker({ allowRootImages: [baseImage] })
  const { spec, created } = await create({ user: null, capabilities: ['NET_BIND_SERVICE'] }, permissive)
  expect(created.kind).toBe('made')
  const said = await inside(await containerOf(spec), [
    'sh',
    '-c',
    'id -u; grep -E "CapEff|NoNewPrivs" /proc/self/status',
  ])
  expect(said).toBe('0\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\n')
  await permissive.close()
})

test('a command that is not there is refused, and leaves nothing', async () => {
  const { created } = await create({ command: ['/no/such/program'] })
  expect(created).toMatchObject({ kind: 'refused', code: 'start_failed' })
  expect(await leftovers(deployment)).toEqual([])
})

test('limits hold: CPU, memory without swap, processes', async () => {
  const limited = openDocker({ pidsLimit: 100 })
  const { spec } = await create({}, limited)
  const { HostConfig } = await docker.getContainer(await containerOf(spec)).inspect()
  expect(HostConfig).toMatchObject({
    NanoCpus: 500_000_000,
    Memory: 67_108_864,
    MemorySwap: 67_108_864,
    PidsLimit: 100,
  })
  const forks = 'for i in $(seq 150); do sleep 20 >/dev/null 2>&1 & done'
  expect(await inside(await containerOf(spec), ['sh', '-c', `${forks}; true`])).toContain('fork')
  await limited.close()
})

test.each([
  ['its network', /^POST \/networks\/create/],
  ['its secret', /^PUT \/containers\/[0-9a-f]+\/archive/],
  ['its start', /^POST \/containers\/[0-9a-f]+\/start/],
])('a create that lost the answer about %s is completed by the next one', async (_, request) => {
  const proxy = await openSocketProxy(socketPath)
  const cut = openDocker({ dockerHost: `unix://${proxy.path}` })
  proxy.loseAnswer(request)
  const { spec, created } = await create({}, cut)
  expect(created.kind).toBe('unavailable')
  expect(await listed(provider, deployment)).toHaveLength(1)
  expect((await provider.create(spec, call())).kind).toMatch(/^(made|adopted)$/)
  const inspect = () => provider.inspect(refOf(spec), call())
  expect((await eventually(inspect, (state) => state.kind === 'running', 10_000)).kind).toBe('running')
  expect(await inside(await containerOf(spec), ['cat', '/run/carrel/secret'])).toBe(spec.secret)
  await cut.close()
  await proxy.close()
})

test('a network without a container is listed as pending, and removed', async () => {
  const proxy = await openSocketProxy(socketPath)
  const cut = openDocker({ dockerHost: `unix://${proxy.path}` })
  proxy.loseAnswer(/^POST \/networks\/create/)
  const { spec } = await create({}, cut)
  // Both are made at once; a daemon that is slow shows the one before the other.
  expect(await listed(provider, deployment)).toMatchObject([{ state: { kind: 'pending', reason: 'created' } }])
  await docker.getContainer(await containerOf(spec)).remove({ force: true })
  expect(await listed(provider, deployment)).toMatchObject([
    { sessionId: spec.sessionId, generation: 1, state: { kind: 'pending', reason: 'no container yet' } },
  ])
  expect(await provider.inspect(refOf(spec), call())).toEqual({ kind: 'pending', reason: 'no container yet' })
  expect(await provider.remove(refOf(spec), call())).toEqual({ kind: 'removed' })
  await cut.close()
  await proxy.close()
})

test('a container that somebody removed is absent, though its network still stands', async () => {
  const { spec, created } = await create({})
  if (created.kind !== 'made') throw new Error(`the create was answered with ${created.kind}`)
  await docker.getContainer(await containerOf(spec)).remove({ force: true })
  expect(await listed(provider, deployment)).toMatchObject([{ state: { kind: 'pending' } }])
  expect(await provider.inspect(created.ref, call())).toEqual({ kind: 'absent' })
  expect(await provider.remove(created.ref, call())).toEqual({ kind: 'removed' })
})

test('anonymous volumes go with the container', async () => {
  const container = await docker.createContainer({ Image: baseImage, Cmd: ['true'] })
  await container.commit({ repo: 'carrel-test-user', tag: 'volume', changes: 'VOLUME /keeps' })
  await container.remove()
  made.push('carrel-test-user:volume')
  const { spec } = await create({ image: 'carrel-test-user:volume' })
  const { Mounts } = await docker.getContainer(await containerOf(spec)).inspect()
  const volume = docker.getVolume(Mounts[0]?.Name ?? '')
  expect(await volume.inspect()).toMatchObject({ Driver: 'local' })
  await provider.remove(refOf(spec), call())
  await expect(volume.inspect()).rejects.toMatchObject({ statusCode: 404 })
})

test('what stands under our name and is not ours is neither adopted nor removed', async () => {
  const { spec } = await create({})
  const { Name } = await docker.getContainer(await containerOf(spec)).inspect()
  await provider.remove(refOf(spec), call())
  const foreign = await docker.createContainer({ name: Name.slice(1), Image: baseImage, Cmd: ['true'] })
  try {
    expect(await provider.create(spec, call())).toMatchObject({ kind: 'refused', code: 'start_failed' })
    expect(await provider.inspect(refOf(spec), call())).toEqual({ kind: 'absent' })
    expect(await provider.remove(refOf(spec), call())).toEqual({ kind: 'removed' })
    expect(await foreign.inspect()).toMatchObject({ Id: foreign.id })
  } finally {
    await foreign.remove({ force: true })
  }
})

test('an endpoint outside the provider’s networks is not believed', async () => {
  const { spec } = await create({})
  const strict = openDocker({}, ['10.0.0.0/8'])
  expect((await strict.inspect(refOf(spec), call())).kind).toBe('unknown')
  await strict.close()
})

test('an address pool that is full is "unavailable", and the network of another session is left alone', async () => {
  const small = openDocker({ addressPool: '198.19.255.0/29' })
  const { spec } = await create({}, small)
  const second = await create({}, small)
  expect(second.created.kind).toBe('unavailable')
  expect((await provider.inspect(refOf(spec), call())).kind).toBe('running')
  // Its container was made without a network, and is taken up as soon as there is room for one.
  expect(await small.remove(refOf(spec), call())).toEqual({ kind: 'removed' })
  expect((await small.create(second.spec, call())).kind).toBe('adopted')
  await small.close()
})

test('pulling from a registry that nobody knows is a missing image, within seconds', async () => {
  const pulling = openDocker({ pull: true })
  const { created } = await create({ image: 'registry.invalid/desk:1' }, pulling)
  expect(created).toMatchObject({ kind: 'refused', code: 'image_missing' })
  await pulling.close()
})
