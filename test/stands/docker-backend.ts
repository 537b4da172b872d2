import { createRawDocker } from '../bench/raw-docker.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { dockerSite, socketPath } from '../docker/docker-harness.ts'
import { plainTemplate } from '../setup/template.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import type { RawBackend, RealBackend } from './backend.ts'

/** The daemon of this machine. */
export async function openBackend(): Promise<RealBackend> {
  const { configuration } = dockerSite()
  const template = configuration.templates[0]?.spec ?? plainTemplate
  const settings = { dockerHost: `unix://${socketPath}`, stopGraceSeconds: 1 }
  const provider = {
    id: 'docker',
    kind: 'docker' as const,
    startLimit: 4,
    networks: ['127.0.0.0/8'],
    classes: [],
    settings,
  }
  const raw = createRawDocker(dockerSettings.parse(settings), template)
  return await Promise.resolve({
    name: 'docker',
    provider,
    template,
    answers: true,
    async viaProxies() {
      const proxy = await createFaultProxy({ target: settings.dockerHost })
      const dockerHost = proxy.url.replace('http:', 'tcp:')
      return { provider: { ...provider, settings: { ...settings, dockerHost } }, proxies: [proxy] }
    },
    raw: byName(raw),
    close: () => raw.close(),
  })
}

function byName({ start, stop }: ReturnType<typeof createRawDocker>): RawBackend {
  const started = new Map<string, Awaited<ReturnType<typeof start>>>()
  return {
    async start() {
      const instance = await start()
      started.set(instance.container.id, instance)
      return instance.container.id
    },
    async stop(id) {
      const instance = started.get(id)
      if (instance === undefined) throw new RangeError('it was not started here')
      await stop(instance)
      started.delete(id)
    },
  }
}
