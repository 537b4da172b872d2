import { expect, test } from 'vitest'
import type { Engine } from '../../../ports/compute/docker/engine.ts'
import { marksOf } from '../../../ports/compute/marks.ts'
import { listInstances } from '../../../ports/compute/docker/list.ts'
import type { ObservedInstance } from '../../../ports/compute/provider.ts'
import { freshKey } from '../../conformance/compute-harness.ts'
import { serverSpec } from '../../docker/docker-harness.ts'

const spec = serverSpec(freshKey('here'))
const published = { IP: '127.0.0.1', PrivatePort: 8080, PublicPort: 40_001, Type: 'tcp' }

/** Lists one container that the daemon's list shows so, and which it shows as ended where it is inspected. */
async function listed(State: string, Ports: readonly object[]) {
  const asked: string[] = []
  const answers: Readonly<Record<string, unknown>> = {
    '/containers/json': [{ Id: 'c1', Labels: marksOf(spec), State, Ports }],
    '/networks': [],
    '/containers/c1/json': {
      Id: 'c1',
      Config: { Labels: marksOf(spec), User: '' },
      HostConfig: { PortBindings: {} },
      State: { Status: 'exited', ExitCode: 137, OOMKilled: true },
      NetworkSettings: { Ports: {} },
    },
  }
  const never = () => {
    throw new Error('a list only reads')
  }
  const engine: Engine = {
    json: async (_method, path, schema) => {
      asked.push(path)
      return await Promise.resolve(schema.parse(answers[path]))
    },
    done: never,
    bytes: never,
    lines: never,
  }
  const all: ObservedInstance[] = []
  const signal = new AbortController().signal
  for await (const one of listInstances(engine, spec.deploymentId, ['127.0.0.0/8'], signal)) all.push(one)
  return { asked, state: all[0]?.state }
}

test('a list of those that begin or run asks the daemon twice, however many they are', async () => {
  const lists = ['/containers/json', '/networks']
  const endpoints = [{ port: 8080, host: '127.0.0.1', hostPort: 40_001 }]
  expect(await listed('running', [published])).toEqual({ asked: lists, state: { kind: 'running', endpoints } })
  expect(await listed('created', [])).toEqual({ asked: lists, state: { kind: 'pending', reason: 'created' } })
})

test('of what the list does not tell all, the daemon is asked', async () => {
  const ended = { kind: 'exited', exitCode: 137, outOfMemory: true }
  expect((await listed('exited', [])).state).toEqual(ended)
  expect((await listed('running', [])).state).toEqual(ended)
  expect((await listed('running', [published, { PrivatePort: 9090 }])).state).toEqual(ended)
  expect((await listed('running', [{ ...published, IP: '192.0.2.1' }])).state).toEqual(ended)
})
