import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFakeCloud } from '../../support/openstack/fake-cloud.ts'
import type { FakeCloud } from '../../support/openstack/fake-cloud.ts'
import { call, openCloud, specOf } from './specs.ts'

const left = () => Object.entries(cloud.things).flatMap(([kind, all]) => (kind === 'images' ? [] : all.map(() => kind)))
const volumeTerms = { openstack: { flavors: { small: 'm1.small' }, boot: 'volume' as const } }

let cloud: FakeCloud
beforeEach(async () => {
  cloud = await openFakeCloud()
})
afterEach(async () => {
  await cloud.close()
})

test('a floating address of somebody else’s is never taken', async () => {
  const provider = openCloud(cloud, { floatingNetwork: 'outside' })
  const [mine, theirs] = [specOf(), specOf()]
  cloud.things.floatingips.push({ id: 'free', description: '', port_id: '' })
  cloud.things.floatingips.push({
    id: 'theirs',
    description: `carrel ${theirs.deploymentId} ${theirs.name}`,
    port_id: '',
  })
  await provider.create(mine, call)
  expect(cloud.things.floatingips.map((f) => [f.id, f['port_id']]).slice(0, 2)).toEqual([
    ['free', ''],
    ['theirs', ''],
  ])
  await provider.remove(mine, call)
  expect(cloud.things.floatingips.map(({ id }) => id)).toEqual(['free', 'theirs'])
  await provider.close()
})

test('an image that somebody shared is taken by its id, and by no name', async () => {
  const provider = openCloud(cloud)
  const shared = {
    id: crypto.randomUUID(),
    name: 'theirs',
    status: 'active',
    owner: 'b'.repeat(32),
    visibility: 'shared',
  }
  cloud.things.images.push(shared)
  expect((await provider.create(specOf({ image: shared.id }), call)).kind).toBe('made')
  expect(cloud.things.servers).toMatchObject([{ imageRef: shared.id }])
  for (const image of ['theirs', crypto.randomUUID()])
    expect(await provider.create(specOf({ image }), call)).toMatchObject({ kind: 'refused', code: 'image_missing' })
  await provider.close()
})

test('a cloud that does not know a filter shows everybody’s, and ours alone are listed and removed', async () => {
  const provider = openCloud(cloud)
  const volumes = { terms: volumeTerms }
  const ours = specOf(volumes)
  const theirs = { ...ours, deploymentId: 'd7c1a3f0-0000-4000-8000-000000000002' }
  const strange = specOf({ ...volumes, deploymentId: theirs.deploymentId })
  for (const spec of [ours, theirs, strange]) await provider.create(spec, call)
  cloud.instead = ({ method, path }) => {
    const [, , kind = ''] = path.split(/[/?]/)
    const list = kind === 'security-groups' ? 'security_groups' : kind
    if (method !== 'GET' || !['ports', 'security_groups', 'volumes'].includes(list)) return undefined
    return { status: 200, body: { [list]: cloud.things[list as 'ports'] } }
  }
  cloud.things.servers.length = 0
  const names: string[] = []
  for await (const { ref } of provider.list(ours.deploymentId, call)) names.push(ref.name)
  expect(names).toEqual([ours.name])
  expect(await provider.remove(ours, call)).toEqual({ kind: 'removed' })
  expect(left().sort()).toEqual(['ports', 'ports', 'security_groups', 'security_groups', 'volumes', 'volumes'])
  await provider.close()
})

test('an image is missing where Glance says so, and not where somebody before it says something', async () => {
  const provider = openCloud(cloud)
  const created = async (image: string) => await provider.create(specOf({ image }), call)
  cloud.instead = ({ service }) => (service === 'image' ? { status: 404, body: { error: 'nothing here' } } : undefined)
  for (const image of [crypto.randomUUID(), 'desk']) expect(await created(image)).toMatchObject({ kind: 'unavailable' })
  const told = { message: 'No image found with ID a<br />', code: '404 Not Found', title: 'Not Found' }
  cloud.instead = ({ service }) => (service === 'image' ? { status: 404, body: told } : undefined)
  expect(await created(crypto.randomUUID())).toMatchObject({ kind: 'refused', code: 'image_missing' })
  await provider.close()
})

test('the project’s own image is taken though many newer ones of others have its name', async () => {
  const provider = openCloud(cloud)
  const [own] = cloud.things.images
  const theirs = { name: 'desk', status: 'active', owner: 'b'.repeat(32), visibility: 'public', created_at: '2027' }
  cloud.things.images.unshift(...Array.from({ length: 30 }, () => ({ ...theirs, id: crypto.randomUUID() })))
  await provider.create(specOf(), call)
  expect(cloud.things.servers).toMatchObject([{ imageRef: own?.id }])
  await provider.close()
})

test('a flavor that was made anew under its name is taken from then on', async () => {
  const provider = openCloud(cloud)
  for (const id of ['f1', 'f2']) {
    cloud.instead = ({ path }) =>
      path.includes('/flavors') ? { status: 200, body: { flavors: [{ id, name: 'm1.small' }] } } : undefined
    expect((await provider.create(specOf(), call)).kind).toBe('made')
  }
  expect(cloud.things.servers).toMatchObject([{ flavorRef: 'f1' }, { flavorRef: 'f2' }])
  await provider.close()
})
