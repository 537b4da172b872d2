import { createFakeAccessBackend } from '../../../ports/access/fake/backend.ts'
import { createFakeAccessGateway } from '../../../ports/access/fake.ts'
import { accessConformance } from '../../conformance/access-gateway.ts'
import { eventually } from '../../conformance/access-harness.ts'

accessConformance('the fake', () => {
  const backend = createFakeAccessBackend()
  const driver = () => createFakeAccessGateway({ backend, requestTimeoutMs: 200, retryAfterMs: 10 })
  let ports = 5901
  return Promise.resolve({
    gateway: driver(),
    another: driver,
    impatient: driver(),
    target: (protocol = 'vnc') => ({
      protocol,
      host: '10.0.0.5',
      port: ports++,
      parameters: { password: 'vnc-secret' },
    }),
    enter(launch) {
      const tunnel = backend.enter(launch)
      return {
        async entered() {
          await eventually(
            () => tunnel.phase,
            (phase) => phase !== 'connecting',
          )
          return tunnel.phase === 'open'
        },
        isOpen: () => tunnel.phase === 'open',
        gone: async () =>
          void (await eventually(
            () => tunnel.phase,
            (phase) => phase === 'closed',
          )),
        leave() {
          backend.leave(tunnel)
        },
      }
    },
    hold: () => backend.hold(),
    kills: () => backend.kills,
    leftovers: (deploymentId) => Array.from({ length: backend.count(deploymentId) }, () => 'something'),
    users: (deploymentId) =>
      [...backend.users.values()].filter((user) => user.deploymentId === deploymentId).map((user) => user.accountId),
    restart: () => Promise.resolve(backend.restart()),
    loseNextAnswer: (call) => backend.failNext(call, 'after'),
    goDown: () => Promise.resolve(backend.goDown()),
    hang: () => backend.hang(),
    recover: () => Promise.resolve(backend.goUp()),
    boundedMs: 5_000,
    close: () => Promise.resolve(),
  })
})
