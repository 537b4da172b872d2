import type { TemplateSpec } from '../../domain/template.ts'
import { plainTemplate } from '../setup/template.ts'

/** Has Perl, and nothing else that is needed. */
export const perlImage = 'debian:bookworm-slim'
const perlServer = `
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $line = <$c>; print $c "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\nhere"; close $c }`
const nodeServer = `require('node:http').createServer((q, a) => a.end('here')).listen(process.env.PORT, '127.0.0.1')`

/** A web server that needs nothing; what runs it is the provider's. */
const served: TemplateSpec = {
  ...plainTemplate,
  title: 'Proof',
  doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
  startLimitSeconds: 600,
}

/** In a container. */
export const perlTemplate = (image: string): TemplateSpec => ({
  ...served,
  image,
  command: ['perl', '-e', perlServer],
  user: { uid: 1_000, gid: 1_000 },
})

/** The same with a volume of its own, of the cluster's usual class: without one nothing may be paused on Kubernetes. */
export const pausable = ({ sizes, ...template }: TemplateSpec): TemplateSpec => ({
  ...template,
  sizes: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, { ...size, diskMib: 64 }])),
  backend: { kubernetes: { workspace: { target: '/work' } } },
})

/** As a process; it shares the network of its machine, and says so. */
export const processTemplate: TemplateSpec = {
  ...served,
  image: 'proof',
  egress: 'internet',
  sizes: { small: { cpuMilli: 100, memoryMib: 1_024, diskMib: 0, gpus: 0 } },
}
export const processCommand = [process.execPath, '-e', nodeServer]
