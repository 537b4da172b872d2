import type { TemplateSpec } from '../../domain/template.ts'
import { readConfig } from '../../platform/config.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { makeOffer } from '../../stack/offer.ts'
import { plainTemplate } from '../setup/template.ts'
import type { Ground } from './ground.ts'
import { createSite } from './site.ts'

const baseImage = 'debian:bookworm-slim'
/** The least that answers HTTP, in the Perl that the base image has. It ends at SIGTERM. */
const server = `
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $asked = <$c>; print $c "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\n"; close $c }`

const trivial: TemplateSpec = {
  ...plainTemplate,
  provider: { kind: 'docker' },
  image: baseImage,
  command: ['perl', '-e', server],
  user: { uid: 1000, gid: 1000 },
  doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
  egress: 'none',
}

/** An installation on this machine's Docker, as the embedded stack offers it: provider, limits and notebook are its own. */
export async function createDockerSite(ground: Ground) {
  const { places, progress, signal } = ground
  const { tools } = readConfig(['tools'])
  const offer = await progress.step('notebook', (say) =>
    makeOffer({ wanted: 'docker', desktop: false, tools, places, signal, say }),
  )
  const settings = dockerSettings.parse(offer.provider.settings)
  const templates = { notebook: offer.template.spec, trivial }
  const site = await createSite(ground, {
    configuration: {
      providers: [offer.provider],
      templates: Object.entries(templates).map(([name, spec]) => ({ name, spec })),
      quotaDefaults: {},
    },
  })
  return { site, settings, templates, startLimit: offer.provider.startLimit }
}
