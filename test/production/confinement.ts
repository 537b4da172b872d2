import { inside } from '../docker/docker-harness.ts'
import type { Installation } from './site.ts'

/** How the processes stand in their containers, as the daemon and the kernel say; each breach in words. */
export async function readConfinement(installation: Installation): Promise<string[]> {
  const breaches: string[] = []
  for (const { service, id, seen } of await installation.containers()) {
    const { Config, HostConfig, Mounts, State } = seen
    const is = (isSo: boolean, what: string) => isSo || breaches.push(`${service}: ${what}`)
    is(/^[1-9]\d*:[1-9]\d*$/.test(Config.User), `runs as ${Config.User}`)
    is(HostConfig.ReadonlyRootfs === true, 'may write its root file system')
    is(HostConfig.CapDrop?.includes('ALL') === true && (HostConfig.CapAdd ?? []).length === 0, 'has capabilities')
    is(HostConfig.SecurityOpt?.includes('no-new-privileges:true') === true, 'may gain privileges')
    is(Mounts.some(({ Source }) => Source.includes('docker.sock')) === (service === 'worker-docker'), "Docker's socket")
    if (!State.Running) continue
    const status = await inside(id, ['cat', '/proc/1/status'])
    is(/^Uid:\t[1-9]/m.test(status) && !/^Uid:.*\b0\b/m.test(status), 'its first process is root')
    is(/^CapEff:\t0+$/m.test(status) && /^CapBnd:\t0+$/m.test(status), 'its first process has capabilities')
    is(/^NoNewPrivs:\t1$/m.test(status), 'its first process may gain privileges')
    is(
      (await inside(id, ['sh', '-c', 'echo x >/opt/x || echo x >/etc/x || echo refused'])).includes('refused'),
      'writes',
    )
  }
  return breaches
}

/** From where a port answers: `node` of the image asks from inside a container. */
export async function reaches(containerId: string, host: string, port: number): Promise<boolean> {
  const program = `const s=require('node:net').connect({host:'${host}',port:${port}});s.setTimeout(3000,()=>{console.log('closed');process.exit()});s.once('connect',()=>{console.log('open');process.exit()});s.once('error',()=>console.log('closed'))`
  return (await inside(containerId, ['node', '-e', program])).includes('open')
}

/** The same from a container that has Perl and no Node, as a session of the trial has. */
export async function sessionReaches(containerId: string, host: string, port: number): Promise<boolean> {
  const program = `use IO::Socket::INET; print IO::Socket::INET->new(PeerAddr=>'${host}',PeerPort=>${port},Timeout=>3) ? 'open' : 'closed'`
  return (await inside(containerId, ['perl', '-e', program])).includes('open')
}
