import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { ensureImage } from '../../ports/compute/docker/build.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { docker, serverSpec } from './docker-harness.ts'
import { freshKey } from '../conformance/compute-harness.ts'

const tag = 'carrel-test-outside:1'
const contextDir = fileURLToPath(new URL('outside', import.meta.url))
const label = { 'carrel.test': 'outside' }

/** A web server on port 8080 behind a wire of its own: to sessions, a machine somewhere on the internet. */
export interface Outside {
  /** Addresses of documentation, in two networks of four, which stand for public ones. */
  readonly site: string
  readonly elsewhere: string
  close(): Promise<void>
}

/** Needs the daemon on this machine, as the product's own rules do. The wire goes away with the container. */
export async function openOutside(): Promise<Outside> {
  const engine = createEngine(docker, 60_000)
  await ensureImage({ engine, tag, contextDir, extraCa: null, signal: AbortSignal.timeout(120_000) })
  const [site, elsewhere] = ['198.51.100.10', '198.51.100.14']
  const server = await docker.createContainer({
    Image: tag,
    Labels: label,
    Cmd: [...(serverSpec(freshKey('none')).command ?? [])],
    HostConfig: { NetworkMode: 'none' },
  })
  await server.start()
  const { State } = await server.inspect()
  const wire = `ct${randomBytes(4).toString('hex')}`
  const onHost = { tag, network: 'host' }
  await asNetworkAdmin(`ip link add ${wire} type veth peer name outside netns ${State.Pid}`, onHost)
  await asNetworkAdmin(
    `ip addr add ${site}/30 dev outside; ip addr add ${elsewhere}/30 dev outside
     ip link set outside up; ip route add default via 198.51.100.9`,
    { tag, network: `container:${server.id}` },
  )
  await asNetworkAdmin(
    `ip addr add 198.51.100.9/30 dev ${wire}; ip addr add 198.51.100.13/30 dev ${wire}; ip link set ${wire} up`,
    onHost,
  )
  return { site, elsewhere, close: () => server.remove({ force: true }) }
}

/** Runs a script that may change a network. Throws with what it said where it fails. */
export async function asNetworkAdmin(
  script: string,
  { tag: image, network }: { readonly tag: string; readonly network: string },
): Promise<void> {
  const container = await docker.createContainer({
    Image: image,
    Labels: label,
    Entrypoint: ['sh', '-ec', script],
    HostConfig: { NetworkMode: network, PidMode: 'host', CapAdd: ['NET_ADMIN'] },
  })
  try {
    await container.start()
    const { StatusCode } = (await container.wait()) as { StatusCode: number }
    if (StatusCode !== 0) throw new Error((await container.logs({ stdout: true, stderr: true })).toString())
  } finally {
    await container.remove({ force: true })
  }
}
